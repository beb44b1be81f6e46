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
  }

  /// What to do.
  public let advice: Advice
  /// Hits of all look-ups, 0 to 1.
  public let hitRatio: Double
  /// The hit ratio from which on the cache saves more time than it costs, 0 to 1; nil while no load has been timed.
  public let neededHitRatio: Double?
  /// Look-ups of keys that had been seen before: no cache of any size hits more.
  public let repeatRatio: Double
  /// Mean time of a load, as timed by `value(for:load:)` or between a miss and the `set` that follows it.
  public let loadTime: Duration?
  /// What a miss costs more than without a cache: to store the value and to keep its memory.
  public let missOverhead: Duration
  /// The smallest size that keeps 97 % of the hits, in the unit of the limit, and its hit ratio.
  public let smallerSize: (size: Int, hitRatio: Double)?
  /// The size at which more memory stops helping, and its hit ratio; only where that is three points more than now.
  public let largerSize: (size: Int, hitRatio: Double)?
  /// Hit ratio of one cache of unlimited size for eight processes with the same kind of traffic: an extrapolation.
  public let pooledHitRatio: Double
  /// Share of the values, 0 to 1, that are copies of values of other keys; nil where that cannot be told: values are no `Hashable`, or trivial.
  public let equalValues: Double?
  /// The reasons, one sentence each.
  public let reasons: [String]

  public var description: String { "\(advice): " + reasons.joined(separator: " ") }
}

/// How the verdict is reached; see docs/local-cache.md.
struct VerdictModel {
  var statistics: CacheStatistics
  var curve: MissRatioCurve
  var loadTime: Duration?
  /// Exponent with which distinct keys grow with requests, 0 to 1.
  var growthOfKeys: Double
  /// Share of the values that are copies of others; nil where it is not known.
  var equalValues: Double?

  /// A hit: hash, lock, memory. Measured in docs/performance.md with cold caches.
  static let hitSeconds = 100e-9
  /// A miss stores an entry: this much, and so much for each of its bytes (first touch of pages, keeping them).
  static let missSeconds = 150e-9
  static let missSecondsPerByte = 0.7e-9
  private static let fewestRequests: UInt64 = 2000
  /// From this share of copies on it is worth a change of the program.
  private static let manyEqualValues = 0.3

  func verdict() -> CacheVerdict {
    let hit = statistics.hitRatio
    let bytes =
      statistics.limit.unit == .bytes && statistics.entries > 0
      ? Double(statistics.weight) / Double(statistics.entries) : 64
    let overhead = Self.missSeconds + Self.missSecondsPerByte * bytes
    let needed = loadTime.map { load in
      // h * hit + (1 - h) * (load + overhead) < load
      min(1, overhead / max(load.secondsAsDouble + overhead - Self.hitSeconds, overhead))
    }
    let current = curve.hitRatio(at: statistics.limit.amount)
    // Where not all of the limit is in use, it is the used part that can be made smaller.
    let used = min(max(statistics.weight, 1), max(statistics.limit.amount, 1))
    let smaller = curve.smallestSize(keeping: 0.97, ofHitsAt: used).map { ($0.size, $0.hitRatio) }
    let best = curve.points.map(\.hitRatio).max() ?? 0
    let larger = curve.points.first {
      $0.size > statistics.limit.amount && $0.hitRatio >= best - 0.01
    }
    let isFull = statistics.evicted > 0
    let growth = isFull && best >= current + 0.03 ? larger.map { ($0.size, $0.hitRatio) } : nil
    let pooled = 1 - (1 - statistics.repeatRatio) * power(8, growthOfKeys - 1)
    let advice = advice(hit, needed, smaller: smaller, larger: growth, used: used, pooled: pooled)
    return CacheVerdict(
      advice: advice, hitRatio: hit, neededHitRatio: needed, repeatRatio: statistics.repeatRatio,
      loadTime: loadTime,
      missOverhead: .nanoseconds(Int64(overhead * 1e9)), smallerSize: smaller, largerSize: growth,
      pooledHitRatio: pooled, equalValues: equalValues,
      reasons: reasons(advice, hit, needed, smaller, growth, pooled))
  }

  private func advice(
    _ hit: Double, _ needed: Double?, smaller: (Int, Double)?, larger: (Int, Double)?, used: Int,
    pooled: Double
  ) -> CacheVerdict.Advice {
    guard statistics.requests >= Self.fewestRequests else { return .tooEarly }
    guard statistics.limit.amount > 0 else { return .remove }
    // What other sizes would hit may not be known yet; then nobody is told to change the size.
    let isGuess = !curve.isReliable
    // Without a timed load: a cache that cannot hit one time in ten is not worth asking about.
    let threshold = needed ?? 0.1
    if hit < threshold {
      if let larger, larger.1 >= threshold { return isGuess ? .tooEarly : .enlarge }
      return pooled >= max(threshold, 0.5) ? .shareAcrossProcesses : .remove
    }
    // First: with its values shared the cache needs less memory for what it holds now.
    if let equalValues, equalValues >= Self.manyEqualValues { return .shareValues }
    guard !isGuess else { return .keep }
    if larger != nil { return .enlarge }
    if let smaller, smaller.0 * 2 <= used { return .shrink }
    return .keep
  }

  private func power(_ base: Double, _ exponent: Double) -> Double {
    (base.logarithm * exponent).exponential
  }

  private func percent(_ ratio: Double) -> String { "\((ratio * 1000).rounded() / 10) %" }

  private func size(_ amount: Int) -> String {
    switch statistics.limit.unit {
    case .bytes: "\(ByteSize(amount))"
    case .entries: "\(amount) entries"
    case .weight: "weight \(amount)"
    }
  }

  private func reasons(
    _ advice: CacheVerdict.Advice, _ hit: Double, _ needed: Double?, _ smaller: (Int, Double)?,
    _ larger: (Int, Double)?,
    _ pooled: Double
  ) -> [String] {
    guard advice != .tooEarly else {
      return ["only \(statistics.requests) look-ups so far; ask again later."]
    }
    var reasons = ["\(percent(hit)) of \(statistics.requests) look-ups hit."]
    if let needed, let loadTime {
      reasons.append("With loads of \(loadTime) the cache pays from \(percent(needed)) on.")
    }
    if statistics.limit.amount == 0 { reasons.append("With a limit of 0 it stores nothing.") }
    if advice == .remove {
      reasons.append(
        "No cache could hit more than \(percent(statistics.repeatRatio)): the other keys had never been asked for before."
      )
    }
    if let smaller, advice != .remove {
      reasons.append("\(size(smaller.0)) would hit \(percent(smaller.1)).")
    }
    if let larger { reasons.append("\(size(larger.0)) would hit \(percent(larger.1)).") }
    if !curve.isReliable, larger != nil || smaller != nil && advice != .remove {
      reasons.append("What other sizes would hit is a guess so far; ask again later.")
    }
    if let equalValues, equalValues >= Self.manyEqualValues {
      let bytes = ByteSize(Int(Double(statistics.weight) * equalValues))
      let saved = statistics.limit.unit == .bytes ? ", up to \(bytes)" : ""
      reasons.append(
        "\(percent(equalValues)) of the values are copies of others: sharing equal ones saves as much\(saved).")
    }
    if advice == .shareAcrossProcesses {
      reasons.append("Eight processes with one cache would hit about \(percent(pooled)).")
    }
    return reasons
  }
}

extension LocalCache {
  /// Whether the cache is worth its memory. Takes 20 to 250 milliseconds, the more the larger the cache: see `missRatioCurve`.
  public var verdict: CacheVerdict {
    let statistics = statistics
    return verdict(
      statistics, loadTime: statistics.loads > 0 ? statistics.meanLoadTime : observer.meanLoadTime)
  }

  /// The verdict with a load time that is known, not measured.
  func verdict(_ statistics: CacheStatistics, loadTime: Duration?) -> CacheVerdict {
    let sample = observer.sample()
    return VerdictModel(
      statistics: statistics,
      curve: curve(of: sample, hitRatio: statistics.hitRatio),
      loadTime: loadTime, growthOfKeys: sample.growthOfKeys, equalValues: equalValues.share
    ).verdict()
  }
}

extension AccessSample {
  /// Distinct keys grow with this power of the number of requests (Heaps' law): from the first half of the sample to all of it.
  var growthOfKeys: Double {
    let keys = records.filter { $0.kind != .stored }.map(\.key)
    guard keys.count >= 100 else { return 1 }
    let half = Double(Set(keys.prefix(keys.count / 2)).count)
    let all = Double(Set(keys).count)
    return min(1, max(0, (all / half).logarithm / 2.0.logarithm))
  }
}
