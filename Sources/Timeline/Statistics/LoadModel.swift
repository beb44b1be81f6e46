/// How much of a level of memory is work in hand: memory that comes with load and goes with it.
public struct LoadModel: Sendable, Hashable {
  /// Units of memory per unit of load; never negative.
  public var weight: Double
  /// Spearman's rank correlation of memory and load, -1 ... 1.
  public var correlation: Double
  /// The load itself rose all the time: then nobody can tell it from growth.
  public var isConfounded: Bool
  /// Lowest and highest load of the buckets.
  public var low, high: Double

  private static let buckets = 64

  /// Least squares of memory on load and time, in buckets; both together, so that a trend is not taken for load.
  ///
  /// - Parameter load: rate of work, over the same time.
  public init?(memory: Series, load: Series) {
    let count = min(memory.count, load.count, Self.buckets)
    guard count >= 8, memory.span > 0 else { return nil }
    var (x, y, t) = ([Double](), [Double](), [Double]())
    let length = memory.span / Double(count)
    let loads = load.epochs(count, length: length, from: memory.times[0]) { TheilSen.median($0) }
    let loadAt = Dictionary(loads.map { ($0.time, $0.value) }) { $1 }
    for (time, value) in memory.epochs(count, { TheilSen.median($0) }) {
      guard let load = loadAt[time] else { continue }
      x.append(load)
      y.append(value)
      t.append(time)
    }
    guard x.count >= 8, let low = x.min(), let high = x.max(), high > low else { return nil }
    self.low = low
    self.high = high
    correlation = Ranks.correlation(x, y)
    isConfounded = Ranks.correlation(x, t) > 0.8
    weight = max(Self.coefficient(x, y, t), 0)
  }

  /// Coefficient of x in y = a + b x + c t, from the normal equations of the centred values.
  private static func coefficient(_ x: [Double], _ y: [Double], _ t: [Double]) -> Double {
    func centred(_ values: [Double]) -> [Double] {
      let mean = values.reduce(0, +) / Double(values.count)
      return values.map { $0 - mean }
    }
    func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    let (x, y, t) = (centred(x), centred(y), centred(t))
    let (xx, tt, xt, xy, ty) = (dot(x, x), dot(t, t), dot(x, t), dot(x, y), dot(t, y))
    let determinant = xx * tt - xt * xt
    guard determinant > 1e-9 * xx * tt else { return 0 }
    return (xy * tt - ty * xt) / determinant
  }

  /// Memory as it would be at the lowest load.
  public func withoutLoad(memory: Series, load: Series) -> Series {
    Series(
      zip(memory.times, memory.values).map { time, value in
        (time, value - weight * ((load.value(at: time) ?? low) - low))
      })
  }
}
