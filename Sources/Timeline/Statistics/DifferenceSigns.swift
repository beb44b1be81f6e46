import Glibc

/// Does a series rise, by the signs of its steps: how many of them go up.
///
/// G. H. Moore and W. A. Wallis, "Time series significance tests based on signs of differences", Journal of the American Statistical
/// Association 38 (1943), with the binomial distribution of a walk whose steps are independent: the worst of what does not rise. It sees
/// curved and stepwise growth, which a test against a line takes for a slow swing.
public struct DifferenceSigns: Sendable, Hashable {
  /// Steps that go up and down; those that stay are left out.
  public var up = 0
  public var down = 0

  /// Several series that each may have a level of its own.
  public init(blocks: [[Double]]) {
    for values in blocks {
      for (before, after) in zip(values, values.dropFirst()) {
        if after > before { up += 1 } else if after < before { down += 1 }
      }
    }
  }

  /// Probability of so many steps up, or more, where up and down are equally likely. Exact.
  public var probabilityOfRise: Double { Self.tail(up, of: up + down) }
  public var probabilityOfFall: Double { Self.tail(down, of: up + down) }

  /// P(X >= k) of a fair coin thrown n times.
  static func tail(_ k: Int, of n: Int) -> Double {
    guard n > 0, k > 0 else { return 1 }
    var sum = 0.0
    for count in k...max(k, n) where count <= n {
      let choose = lgamma(Double(n) + 1) - lgamma(Double(count) + 1) - lgamma(Double(n - count) + 1)
      sum += exp(choose - Double(n) * M_LN2)
    }
    return min(sum, 1)
  }
}
