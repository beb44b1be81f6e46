import Glibc

/// Does a series rise? Mann's rank test against trend, with the variance corrected for autocorrelation.
///
/// H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945); M. G. Kendall, "Rank Correlation Methods" (1975); K. H. Hamed
/// and A. R. Rao, "A modified Mann-Kendall trend test for autocorrelated data", Journal of Hydrology 204 (1998). Memory is strongly
/// autocorrelated: without the correction the test sees trends in noise.
public struct MannKendall: Sendable, Hashable {
  /// Rising pairs minus falling pairs.
  public var score: Double
  /// Variance of the score without a trend, ties and autocorrelation taken in.
  public var variance: Double
  /// Number of values.
  public var count: Int

  public init(score: Double, variance: Double, count: Int) {
    self.score = score
    self.variance = variance
    self.count = count
  }

  /// O(n²); for some hundred values at most.
  ///
  /// - Parameter isIndependent: values do not remember each other, so the variance is taken as it is.
  public init(_ values: [Double], isIndependent: Bool = false) {
    let count = values.count
    self.count = count
    var score = 0.0
    for later in values.indices {
      for earlier in 0..<later {
        let difference = values[later] - values[earlier]
        if difference > 0 { score += 1 } else if difference < 0 { score -= 1 }
      }
    }
    self.score = score
    guard count >= 3 else {
      variance = 0
      return
    }
    let n = Double(count)
    var ties: [Double: Double] = [:]
    for value in values { ties[value, default: 0] += 1 }
    let tied = ties.values.reduce(0) { $0 + $1 * ($1 - 1) * (2 * $1 + 5) }
    let independent = (n * (n - 1) * (2 * n + 5) - tied) / 18
    variance = max(isIndependent ? independent : independent * Self.correction(values), 0)
  }

  /// Several series that each may have a level of its own: lives of a process, or the same hour of different days.
  ///
  /// Sum of scores and variances: R. M. Hirsch, J. R. Slack, R. A. Smith, "Techniques of trend analysis for monthly water quality data",
  /// Water Resources Research 18 (1982).
  public init(blocks: [[Double]], isIndependent: Bool = false) {
    let tests = blocks.map { MannKendall($0, isIndependent: isIndependent) }
    self.init(
      score: tests.reduce(0) { $0 + $1.score }, variance: tests.reduce(0) { $0 + $1.variance },
      count: tests.reduce(0) { $0 + $1.count })
  }

  /// Standard normal without a trend; the step to the next whole pair is taken off.
  public var z: Double {
    guard variance > 0 else { return 0 }
    if score > 0 { return (score - 1) / variance.squareRoot() }
    if score < 0 { return (score + 1) / variance.squareRoot() }
    return 0
  }

  /// Probability of such a rise, or a larger one, in a series that does not rise.
  public var probabilityOfRise: Double { Normal.upperTail(z) }
  /// The same for a fall.
  public var probabilityOfFall: Double { Normal.upperTail(-z) }

  /// Factor on the variance: above 1 for positive autocorrelation of the ranks of the detrended series. Lags whose correlation is
  /// within what chance gives are left out, as in the paper; never below 1, so that an oscillation makes nothing more certain.
  static func correction(_ values: [Double]) -> Double {
    let count = values.count
    guard count >= 6 else { return 1 }
    let n = Double(count)
    let slope = TheilSen.median(TheilSen.slopes(values.enumerated().map { (Double($0.offset), $0.element) }))
    let residuals = values.enumerated().map { $0.element - slope * Double($0.offset) }
    let ranks = Ranks.of(residuals)
    let mean = ranks.reduce(0, +) / n
    let spread = ranks.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    guard spread > 0 else { return 1 }
    var sum = 0.0
    var first = 0.0
    // Longer lags rest on too few pairs.
    for lag in 1...max(count / 2, 1) {
      var product = 0.0
      for index in 0..<count - lag { product += (ranks[index] - mean) * (ranks[index + lag] - mean) }
      let correlation = product / spread
      if lag == 1 { first = min(max(correlation, 0), 0.95) }
      guard abs(correlation) > 1.96 / n.squareRoot() else { continue }
      let k = Double(lag)
      sum += (n - k) * (n - k - 1) * (n - k - 2) * correlation
    }
    // The paper's sum misses correlations that a short series cannot show to be significant. A first-order autoregression with the
    // correlation of neighbours bounds them: S. Yue and C. Wang, Water Resources Management 18 (2004).
    return max(1 + 2 / (n * (n - 1) * (n - 2)) * sum, (1 + first) / (1 - first), 1)
  }
}

/// Ranks from 1; equal values share the mean of their ranks.
enum Ranks {
  static func of(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var start = 0
    while start < order.count {
      var end = start
      while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
      for index in start...end { ranks[order[index]] = Double(start + end) / 2 + 1 }
      start = end + 1
    }
    return ranks
  }

  /// Spearman's rank correlation, -1 ... 1; 0 for a constant.
  static func correlation(_ left: [Double], _ right: [Double]) -> Double {
    let (a, b) = (of(left), of(right))
    let n = Double(a.count)
    guard a.count == b.count, n >= 3 else { return 0 }
    let (meanA, meanB) = (a.reduce(0, +) / n, b.reduce(0, +) / n)
    var (product, squareA, squareB) = (0.0, 0.0, 0.0)
    for index in a.indices {
      product += (a[index] - meanA) * (b[index] - meanB)
      squareA += (a[index] - meanA) * (a[index] - meanA)
      squareB += (b[index] - meanB) * (b[index] - meanB)
    }
    guard squareA > 0, squareB > 0 else { return 0 }
    return product / (squareA * squareB).squareRoot()
  }
}

/// The standard normal distribution.
public enum Normal {
  /// P(Z > z). Relative error below 1.2e-7: the complementary error function after Press et al., "Numerical Recipes", erfcc.
  public static func upperTail(_ z: Double) -> Double {
    let x = z / 2.0.squareRoot()
    let t = 1 / (1 + 0.5 * abs(x))
    let coefficients = [
      -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
      0.17087277,
    ]
    let polynomial = coefficients.reversed().reduce(0) { $0 * t + $1 }
    let tail = t * exp(-x * x + polynomial) / 2
    return x >= 0 ? tail : 1 - tail
  }
}
