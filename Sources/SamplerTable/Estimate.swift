import Glibc

/// A sum over all allocations, estimated from those that were sampled, with the variance of the estimate.
///
/// Horvitz and Thompson, "A generalization of sampling without replacement from a finite universe", 1952: an allocation that is taken
/// with the chance p counts as 1/p. The estimate is unbiased, and so is that of its variance, the sum of (1 - p) / p² · y².
public struct Estimate: Sendable, Hashable {
  public var value: Double
  public var variance: Double

  public init(_ value: Double = 0, variance: Double = 0) {
    self.value = value
    self.variance = variance
  }

  public var standardError: Double { max(variance, 0).squareRoot() }
  /// Half the width of an interval that holds the true sum in about 95 % of all cases, where the samples are not few.
  public var margin: Double { 1.96 * standardError }

  public static func + (left: Estimate, right: Estimate) -> Estimate {
    Estimate(left.value + right.value, variance: left.variance + right.variance)
  }

  /// Adds one sampled allocation of `amount` that was taken with `chance`.
  mutating func add(_ amount: Double, chance: Double) {
    value += amount / chance
    variance += (1 - chance) / (chance * chance) * amount * amount
  }
}

enum Sampling {
  /// The chance that a block of `size` bytes is sampled at `interval`: one of its `size + 1` bytes is a sample point.
  static func chance(size: UInt64, interval: UInt64) -> Double {
    interval <= 1 ? 1 : -expm1(-(Double(size) + 1) / Double(interval))
  }
}
