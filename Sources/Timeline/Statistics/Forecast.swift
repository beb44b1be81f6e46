/// When a level that rises reaches a limit.
public struct Forecast: Sendable, Hashable, Codable {
  public enum Outcome: String, Sendable, Hashable, Codable {
    /// Between `earliest` and `latest`.
    case reaches
    /// The rise is too small or too unsure to be said to get there.
    case never
    /// It is there.
    case reached
  }

  public var outcome: Outcome
  /// Seconds from now: the most likely time, and the ends of the 90 % interval. `latest` is nil where the slower end never gets there.
  public var likely, earliest, latest: Double?
  public var limit: Double
  /// Level at the peaks now, which is what hits a limit.
  public var level: Double

  /// Further away than ten times what was watched nothing can be said with an interval; beyond this it is "never at this rate".
  private static let horizon = 400.0 * 86_400

  /// Two ways to be wrong are taken in, and the wider interval counts: noise around a line (Sen's interval of the slope), and a walk
  /// with drift, whose every step is kept (first passage of a Brownian motion with drift, whose time to distance D is D/v with the
  /// spread s * sqrt(T) in distance; D. R. Cox and H. D. Miller, "The Theory of Stochastic Processes", 1965, section 5.7).
  ///
  /// - Parameter besides: bytes that count against the limit as well and do not grow.
  public init(_ growth: GrowthTest, limit: Double, besides: Double = 0) {
    self.limit = limit
    // The latest floor belongs to the middle of its epoch.
    level = growth.floor + growth.swing + max(growth.slope.slope, 0) * growth.resolution / 2 + besides
    let distance = limit - level
    guard distance > 0 else {
      outcome = .reached
      (likely, earliest, latest) = (0, 0, 0)
      return
    }
    guard growth.pattern == .growing || growth.pattern == .undecided, growth.slope.slope > 0 else {
      outcome = .never
      return
    }
    let z = 1.645
    let span = max(growth.span, 1e-9)
    // The drift of a walk is known from its ends: its error is that of the sum of its steps.
    let walk = z * growth.diffusion / span.squareRoot()
    // A line through few floors is less sure than Sen's ranks say.
    let small = growth.epochs > 0 ? 1 + 4 / Double(growth.epochs) : 2
    let fast = max(growth.slope.slope + (growth.slope.high - growth.slope.slope) * small, growth.slope.slope + walk)
    let slow = min(growth.slope.slope - (growth.slope.slope - growth.slope.low) * small, growth.slope.slope - walk)
    let best = distance / growth.slope.slope
    guard best <= Self.horizon else {
      outcome = .never
      return
    }
    outcome = .reaches
    likely = best
    let nearer = max(distance - z * growth.noise, 0)
    // Where in its rhythm the level is, is not known finer than an epoch.
    let soon = Self.passage(nearer, speed: fast, diffusion: z * growth.diffusion, sign: 1)
    earliest = max(min(soon, best) - growth.resolution, 0)
    let late =
      slow > 0 ? Self.passage(distance + z * growth.noise, speed: slow, diffusion: z * growth.diffusion, sign: -1) : nil
    latest = late.flatMap { $0 <= Self.horizon ? max($0, best) + growth.resolution : nil }
  }

  /// Solves speed * T + sign * diffusion * sqrt(T) = distance for T.
  private static func passage(_ distance: Double, speed: Double, diffusion: Double, sign: Double) -> Double {
    guard speed > 0 else { return .infinity }
    let root = (-sign * diffusion + (diffusion * diffusion + 4 * speed * distance).squareRoot()) / (2 * speed)
    return root * root
  }
}
