import ProcessImage

/// A quantity over time within one life of a process.
public struct Series: Sendable, Hashable {
  /// Seconds, rising.
  public private(set) var times: [Double] = []
  public private(set) var values: [Double] = []

  public init() {}

  /// Points that do not come after their predecessor are left out: a clock was set back.
  public init(_ points: some Sequence<(Double, Double)>) {
    for (time, value) in points { append(time, value) }
  }

  public init(_ samples: [Sample], _ metric: Metric) {
    for sample in samples { if let value = sample[metric] { append(Double(sample.time) / 1000, value) } }
  }

  public mutating func append(_ time: Double, _ value: Double) {
    guard time.isFinite, value.isFinite, time > times.last ?? -.infinity else { return }
    times.append(time)
    values.append(value)
  }

  public var count: Int { times.count }
  public var isEmpty: Bool { times.isEmpty }
  /// Seconds from the first to the last point.
  public var span: Double { (times.last ?? 0) - (times.first ?? 0) }

  /// Rates of a counter, at the end of each step; a counter that starts again gives no rate there.
  public var rates: Series {
    var result = Series()
    for index in values.indices.dropFirst() where values[index] >= values[index - 1] {
      result.append(times[index], (values[index] - values[index - 1]) / (times[index] - times[index - 1]))
    }
    return result
  }

  /// The value that holds at a time: the last one at or before it.
  public func value(at time: Double) -> Double? {
    let later = times.partitionIndex { $0 <= time }
    return later > 0 ? values[later - 1] : nil
  }

  /// `count` values at equal distances, each the mean of what fell into its piece, or the one before where nothing did.
  func resampled(_ count: Int) -> [Double] {
    guard let first = times.first, span > 0, count > 1 else { return values }
    var sums = [Double](repeating: 0, count: count)
    var counts = [Double](repeating: 0, count: count)
    for index in times.indices {
      let place = min(Int((times[index] - first) / span * Double(count)), count - 1)
      sums[place] += values[index]
      counts[place] += 1
    }
    var last = values[0]
    return sums.indices.map { index in
      if counts[index] > 0 { last = sums[index] / counts[index] }
      return last
    }
  }

  /// Epochs of equal length, each reduced to one point at its middle; empty ones are left out.
  ///
  /// - Parameters:
  ///   - length: of an epoch in seconds; nil for equal parts of the span.
  ///   - start: where the first epoch begins; nil for the first point.
  public func epochs(
    _ count: Int, length: Double? = nil, from start: Double? = nil, _ reduce: ([Double]) -> Double
  ) -> [(time: Double, value: Double)] {
    let (first, length, parts) = parts(count, length: length, from: start)
    return parts.enumerated().compactMap { index, part in
      part.isEmpty ? nil : (first + (Double(index) + 0.5) * length, reduce(part.map { values[$0] }))
    }
  }

  /// Of each epoch that has points its middle, and the places of the lowest and the highest one.
  func extremes(_ count: Int, length: Double? = nil) -> [(time: Double, lowest: Int, highest: Int)] {
    let (first, length, parts) = parts(count, length: length, from: nil)
    return parts.enumerated().compactMap { index, part in
      guard let lowest = part.min(by: { values[$0] < values[$1] }),
        let highest = part.max(by: { values[$0] < values[$1] })
      else { return nil }
      return (first + (Double(index) + 0.5) * length, lowest, highest)
    }
  }

  /// Places of the points in each epoch.
  private func parts(
    _ count: Int, length: Double?, from start: Double?
  ) -> (first: Double, length: Double, parts: [[Int]]) {
    guard let first = start ?? times.first, span > 0, count > 0 else { return (0, 0, []) }
    let length = length ?? span / Double(count)
    guard length > 0 else { return (0, 0, []) }
    var parts = [[Int]](repeating: [], count: count)
    for index in times.indices {
      let place = ((times[index] - first) / length).rounded(.down)
      guard place >= 0, place <= Double(count) else { continue }
      // The last point ends the last epoch.
      parts[place < Double(count) ? Int(place) : count - 1].append(index)
    }
    return (first, length, parts)
  }
}

/// Finds the rhythm of a series: a sawtooth, a batch job, a day.
enum Rhythm {
  private static let points = 512
  /// Correlation from which a rhythm counts.
  private static let threshold = 0.4
  /// Swings below this part of the whole rise are none.
  private static let negligible = 0.25

  /// Length of a period in seconds: the first high peak of the autocorrelation after it has gone below zero. nil for none that fits at
  /// least three times.
  static func period(of series: Series) -> Double? {
    let count = min(series.count, points)
    guard count >= 16 else { return nil }
    let level = series.resampled(count)
    let values = detrended(level)
    let energy = values.reduce(0) { $0 + $1 * $1 }
    guard energy > 0 else { return nil }
    // A line that climbs in steps swings around itself too; a rhythm that is small beside the rise hides nothing.
    let swing = (values.max() ?? 0) - (values.min() ?? 0)
    guard swing >= negligible * abs(level[count - 1] - level[0]) else { return nil }
    func correlation(_ lag: Int) -> Double {
      var sum = 0.0
      for index in 0..<count - lag { sum += values[index] * values[index + lag] }
      // The sum over fewer pairs is made comparable.
      return sum / energy * Double(count) / Double(count - lag)
    }
    let correlations = (0...count / 3).map(correlation)
    guard let below = correlations.firstIndex(where: { $0 < 0 }), below + 1 < correlations.count else { return nil }
    guard let peak = (below..<correlations.count).max(by: { correlations[$0] < correlations[$1] }),
      correlations[peak] > threshold, peak >= 2
    else { return nil }
    // The first of several equal peaks is the period, the others its multiples.
    let first =
      (below..<correlations.count).first { lag in
        correlations[lag] > 0.8 * correlations[peak] && lag > 0 && correlations[lag] >= correlations[lag - 1]
          && (lag + 1 >= correlations.count || correlations[lag] >= correlations[lag + 1])
      } ?? peak
    return Double(first) / Double(count) * series.span
  }

  /// Without its line of least squares.
  private static func detrended(_ values: [Double]) -> [Double] {
    let n = Double(values.count)
    let meanX = (n - 1) / 2
    let meanY = values.reduce(0, +) / n
    var (product, square) = (0.0, 0.0)
    for (index, value) in values.enumerated() {
      product += (Double(index) - meanX) * (value - meanY)
      square += (Double(index) - meanX) * (Double(index) - meanX)
    }
    let slope = square > 0 ? product / square : 0
    return values.enumerated().map { $0.element - meanY - slope * (Double($0.offset) - meanX) }
  }
}
