/// How the verdict is reached; see docs/local-cache.md.
struct VerdictModel {
  var statistics: CacheStatistics
  /// Nil where nothing is noted.
  var curve: MissRatioCurve?
  var loadTime: Duration?
  /// Exponent with which distinct keys grow with requests, 0 to 1.
  var growthOfKeys: Double
  /// Share of the values that are copies of others; nil where it is not known.
  var equalValues: Double?
  /// Whether entries end by themselves.
  var expires: Bool

  /// A hit: hash, lock, memory. With cold caches of the processor; see docs/local-cache-figures.md.
  private static let hitSeconds = 100e-9
  /// A miss stores an entry: this much, and so much for each of its bytes (first touch of pages, keeping them).
  private static let missSeconds = 150e-9
  private static let missSecondsPerByte = 0.7e-9
  private static let fewestRequests: UInt64 = 2000
  /// Writes from which on a cache that is hardly read has been watched for long enough.
  private static let manyWrites: UInt64 = 20_000
  /// Without a timed load: a cache that cannot hit one time in ten is not worth asking about.
  private static let usualNeed = 0.1
  /// From this share of copies on it is worth a change of the program.
  private static let manyEqualValues = 0.3

  /// Why a cache does not pay that could.
  enum Fault: Equatable {
    /// Hardly anybody looks anything up.
    case isNotRead
    case holdsNothing
    case isNotFilled
    /// What the loader asks does not answer.
    case loadsFail
    /// Values are larger than the limit.
    case refuses
    /// By the program.
    case isEmptied
    case expires
  }

  /// What the advice follows from.
  struct Findings {
    var overhead = 0.0
    var needed: Double?
    var threshold = 0.0
    /// Of the last look-ups: ratio and number.
    var recent: (ratio: Double, requests: Int)?
    var isObserved = false
    /// Whether the curve may be trusted.
    var knowsSizes = false
    var smaller: (size: Int, hitRatio: Double)?
    var larger: (size: Int, hitRatio: Double)?
    /// At four times the size.
    var best: Double?
    var pooled = 0.0
    var copies: Double?
    var fault: Fault?
    var hitRatio = 0.0
    /// Look-ups, of all, that waited for the load of another one.
    var joined = 0.0
    /// A cache that has just begun, or whose traffic was another for a while, is judged by the better of the two. Who waits for a load of somebody else needs none
    /// of his own.
    var pays: Bool { max(hitRatio, recent?.ratio ?? 0) + joined >= threshold }
    /// Whether the last look-ups hit far less than most did: at night, during a scan. What is enough for them may not be enough for the others.
    var isUnusual: Bool { recent.map { $0.ratio < hitRatio - 0.1 } ?? false }
  }

  func verdict() -> CacheVerdict {
    var findings = findings()
    let advice = advice(&findings)
    if findings.isUnusual { findings.smaller = nil }
    if !findings.knowsSizes { (findings.smaller, findings.larger) = (nil, nil) }
    return CacheVerdict(
      advice: advice, hitRatio: statistics.hitRatio, recentHitRatio: findings.recent?.ratio,
      neededHitRatio: findings.needed, repeatRatio: statistics.repeatRatio, loadTime: loadTime,
      missOverhead: .nanoseconds(Int64(findings.overhead * 1e9)), smallerSize: findings.smaller,
      largerSize: findings.larger, pooledHitRatio: findings.pooled, equalValues: equalValues,
      reasons: VerdictText(statistics: statistics, findings: findings, loadTime: loadTime).reasons(advice))
  }

  // MARK: Finding

  private func findings() -> Findings {
    var found = Findings(hitRatio: statistics.hitRatio)
    found.joined = Double(min(statistics.joinedLoads, statistics.misses)) / Double(max(statistics.requests, 1))
    let bytes =
      statistics.limit.unit == .bytes && statistics.entries > 0
      ? Double(statistics.weight) / Double(statistics.entries) : 64
    found.overhead = Self.missSeconds + Self.missSecondsPerByte * bytes
    found.needed = loadTime.map { neededHitRatio($0.secondsAsDouble, found.overhead) }
    found.threshold = found.needed ?? Self.usualNeed
    found.pooled = 1 - (1 - statistics.repeatRatio) * (8.0.logarithm * (growthOfKeys - 1)).exponential
    found.copies = equalValues.flatMap { $0 >= Self.manyEqualValues ? $0 : nil }
    guard let curve else { return found }
    found.isObserved = true
    let limit = statistics.limit.amount
    let current = curve.hitRatio(at: limit)
    if curve.knowsPresent { found.recent = (current, curve.requests) }
    found.knowsSizes = curve.isUsable
    let best = curve.points.map(\.hitRatio).max() ?? 0
    found.best = best
    if statistics.evicted > 0, best >= current + 0.03 {
      let point = curve.points.first { $0.size > limit && $0.hitRatio >= best - 0.01 }
      found.larger = point.map { ($0.size, $0.hitRatio) }
    }
    // Where not all of the limit is in use, it is the used part that can be made smaller.
    let used = min(max(statistics.weight, 1), max(limit, 1))
    if current >= found.threshold {
      found.smaller = curve.smallestSize(keeping: 0.97, ofHitsAt: used).map { ($0.size, $0.hitRatio) }
    }
    return found
  }

  /// From which on `ratio * hit + (1 - ratio) * (load + overhead) + others * overhead < load`, where `others` are the writes, for each look-up, that
  /// follow no miss.
  private func neededHitRatio(_ load: Double, _ overhead: Double) -> Double {
    let gain = load + overhead - Self.hitSeconds
    guard gain > overhead else { return 1 }
    return min(1, overhead * (1 + statistics.writesBesideMisses) / gain)
  }

  // MARK: Advising

  private func advice(_ findings: inout Findings) -> CacheVerdict.Advice {
    guard statistics.requests >= Self.fewestRequests else {
      let (writes, requests) = (statistics.writes, statistics.requests)
      guard writes >= Self.manyWrites, requests < writes / 100 else { return .tooEarly }
      findings.fault = .isNotRead
      return .remove
    }
    guard statistics.limit.amount > 0 else {
      findings.fault = .holdsNothing
      return .remove
    }
    guard findings.pays else { return adviceWhereItDoesNotPay(&findings) }
    // First: with its values shared the cache needs less memory for what it holds now.
    if findings.copies != nil { return .shareValues }
    // What other sizes would hit may not be known yet; then nobody is told to change the size.
    guard findings.knowsSizes else { return .keep }
    if findings.larger != nil { return .enlarge }
    if let smaller = findings.smaller, !findings.isUnusual, smaller.size <= statistics.weight / 2 { return .shrink }
    return .keep
  }

  private func adviceWhereItDoesNotPay(_ findings: inout Findings) -> CacheVerdict.Advice {
    if let larger = findings.larger, larger.hitRatio >= findings.threshold {
      return findings.knowsSizes ? .enlarge : .tooEarly
    }
    guard statistics.repeatRatio >= findings.threshold else {
      return findings.pooled >= max(findings.threshold, 0.5) ? .shareAcrossProcesses : .remove
    }
    findings.fault = fault()
    return switch findings.fault {
    case .refuses: .enlarge
    case .expires: .lengthenLifetime
    case .loadsFail: .tooEarly
    default: .remove
    }
  }

  /// What becomes of the entries of a cache whose keys repeat often enough, and that hits too little all the same.
  private func fault() -> Fault? {
    let stored = statistics.insertions &+ statistics.replaced
    if statistics.refused > stored { return .refuses }
    if stored < statistics.misses / 100 { return statistics.failedLoads > stored ? .loadsFail : .isNotFilled }
    let (expired, removed, evicted) = (statistics.expired, statistics.removed, statistics.evicted)
    // What happened to a few of the entries does not keep the cache from hitting.
    guard max(expired, removed) > stored / 10 else { return nil }
    if removed > expired, removed > evicted { return .isEmptied }
    return expires && expired > evicted ? .expires : nil
  }
}

extension CacheStatistics {
  /// Writes, for each look-up, that no miss asked for.
  var writesBesideMisses: Double {
    guard requests > 0, writes > misses else { return 0 }
    return Double(writes - misses) / Double(requests)
  }
}
