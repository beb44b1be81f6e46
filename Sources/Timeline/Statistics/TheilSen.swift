/// How fast a series rises: the median of the slopes of all pairs, which a third of wild values cannot move.
///
/// P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of the American Statistical Association 63
/// (1968); the interval is his, with the variance of the corrected Mann-Kendall test.
public struct TheilSen: Sendable, Hashable {
  /// Units per second.
  public var slope: Double
  /// Between these the slope lies with the asked probability.
  public var low, high: Double

  public init(slope: Double, low: Double, high: Double) {
    self.slope = slope
    self.low = low
    self.high = high
  }

  /// Slope over all blocks: only pairs within one block are compared. O(n² log n).
  ///
  /// - Parameter z: standard normal quantile of the interval; 1.645 for 90 %.
  public init?(blocks: [[(time: Double, value: Double)]], test: MannKendall, z: Double = 1.645) {
    var slopes = blocks.flatMap { Self.slopes($0) }
    guard !slopes.isEmpty else { return nil }
    slopes.sort()
    slope = Self.quantile(slopes, 0.5)
    let count = Double(slopes.count)
    let width = z * test.variance.squareRoot()
    low = Self.quantile(slopes, max((count - width) / 2 / count, 0))
    high = Self.quantile(slopes, min((count + width) / 2 / count, 1))
  }

  static func slopes(_ points: [(Double, Double)]) -> [Double] {
    var result: [Double] = []
    result.reserveCapacity(points.count * max(points.count - 1, 0) / 2)
    for later in points.indices {
      for earlier in 0..<later where points[later].0 > points[earlier].0 {
        result.append((points[later].1 - points[earlier].1) / (points[later].0 - points[earlier].0))
      }
    }
    return result
  }

  static func median(_ values: [Double]) -> Double { quantile(values.sorted(), 0.5) }

  /// Linear between neighbours; 0 of nothing.
  static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    guard let first = sorted.first, let last = sorted.last else { return 0 }
    let position = share * Double(sorted.count - 1)
    guard position > 0 else { return first }
    guard position < Double(sorted.count - 1) else { return last }
    let index = Int(position)
    return sorted[index] + (sorted[index + 1] - sorted[index]) * (position - Double(index))
  }
}
