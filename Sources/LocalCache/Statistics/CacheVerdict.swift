/// Whether a cache is worth its memory, with the numbers.
public struct CacheVerdict: Sendable, CustomStringConvertible {
  /// What to do.
  public enum Advice: UInt32, Sendable {
    /// Too few look-ups to say anything.
    case tooEarly = 0
    /// It pays, at this size.
    case keep = 1
    /// It costs more than it saves.
    case remove = 2
    /// Nearly all hits remain in much less memory: see `smallerSize`.
    case shrink = 3
    /// More memory would bring more hits: see `largerSize`.
    case enlarge = 4
    /// Each process alone hits too little, all together would hit enough: one cache for all of them, outside the process.
    case shareAcrossProcesses = 5
    /// Many values are copies of values of other keys: let equal ones be one object.
    case shareValues = 6
    /// Entries end by their lifetime before their keys are asked for again: more memory would not help.
    case lengthenLifetime = 7

    var words: String {
      switch self {
      case .tooEarly: "too early"
      case .keep: "keep"
      case .remove: "remove"
      case .shrink: "shrink"
      case .enlarge: "enlarge"
      case .shareAcrossProcesses: "share across processes"
      case .shareValues: "share values"
      case .lengthenLifetime: "lengthen lifetime"
      }
    }
  }

  /// What to do.
  public let advice: Advice
  /// Hits of all look-ups, 0 to 1.
  public let hitRatio: Double
  /// The same of the last look-ups, those that the sizes below are about; nil while too few were noted.
  public let recentHitRatio: Double?
  /// The hit ratio from which on the cache saves more time than it costs, 0 to 1; nil while no load has been timed.
  public let neededHitRatio: Double?
  /// Look-ups of keys that had been seen before: no cache of any size hits more.
  public let repeatRatio: Double
  /// Mean time of a load, as timed by `value(for:load:)` or between a miss and the `set` that follows it: of both, where both are used.
  public let loadTime: Duration?
  /// What a miss costs more than without a cache: to store the value and to keep its memory.
  public let missOverhead: Duration
  /// The smallest size that keeps 97 % of the hits, in the unit of the limit, and its hit ratio; nil where it is not known yet, or the cache does not pay.
  public let smallerSize: (size: Int, hitRatio: Double)?
  /// The size at which more memory stops helping, and its hit ratio; only where it is known, and three points more than now.
  public let largerSize: (size: Int, hitRatio: Double)?
  /// Hit ratio of one cache of unlimited size for eight processes with the same kind of traffic: an extrapolation.
  public let pooledHitRatio: Double
  /// Share of the values, 0 to 1, that are copies of values of other keys; nil where that cannot be told: values are no `Hashable`, or trivial.
  public let equalValues: Double?
  /// The reasons, one sentence each.
  public let reasons: [String]

  public var description: String { "\(advice.words): " + reasons.joined(separator: " ") }
}

extension LocalCache {
  /// Whether the cache is worth its memory. Takes 20 to 250 milliseconds, the more the larger the cache: see `missRatioCurve`.
  public var verdict: CacheVerdict {
    let statistics = statistics
    let own = statistics.loads > 0 ? statistics.meanLoadTime : nil
    // A write of the program that follows a miss ends a load, unless writes come by themselves: then the time between the two is chance.
    let isLoading = (statistics.writes - min(statistics.loads, statistics.writes)) / 2 <= statistics.misses
    return verdict(statistics, loadTime: isLoading ? observer.meanLoadTime(own: own) : own)
  }

  /// The verdict with a load time that is known, not measured.
  func verdict(_ statistics: CacheStatistics, loadTime: Duration?) -> CacheVerdict {
    let sample = observer.sample()
    return VerdictModel(
      statistics: statistics,
      curve: configuration.isObserved ? curve(of: sample, statistics) : nil,
      loadTime: loadTime, growthOfKeys: sample.growthOfKeys, equalValues: equalValues?.share, expires: expires
    ).verdict()
  }
}

extension AccessSample {
  /// Distinct keys grow with this power of the number of requests (Heaps' law), from now on to eight times as many. The power falls with each doubling
  /// where keys run out, so it is taken from the last two doublings of the sample, and goes on as it went.
  var growthOfKeys: Double {
    let keys = records.filter(\.kind.isLook).map(\.key)
    guard keys.count >= 100 else { return 1 }
    let counts = [4, 2, 1].map { Double(Set(keys.prefix(keys.count / $0)).count) }
    let powers = [counts[1] / counts[0], counts[2] / counts[1]].map { min($0.logarithm / 2.0.logarithm, 1) }
    let change = min(powers[1] - powers[0], 0)
    return (1...3).reduce(0) { $0 + min(1, max(0, powers[1] + Double($1) * change)) } / 3
  }
}
