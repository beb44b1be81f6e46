/// What the cache would hit at other sizes, worked out from a sample of its own traffic.
///
/// `hitRatio` is what this cache's policy would reach: the sample is replayed through the policy itself in miniature. `lruHitRatio` is what a cache
/// would hit that evicts the least recently used, by reuse distances in weight. See `CurveModel` and docs/local-cache-curve.md.
public struct MissRatioCurve: Sendable {
  /// One size.
  public struct Point: Sendable {
    /// The limit, in the unit of the cache's.
    public let size: Int
    /// Hits of all look-ups with the cache's policy, 0 to 1.
    public let hitRatio: Double
    /// The same for a cache that evicts the least recently used.
    public let lruHitRatio: Double
  }

  /// Sizes in ascending order: every tenth of the limit, and up to four times the limit.
  public let points: [Point]
  /// Look-ups of sampled keys that the curve is made of.
  public let sampledRequests: Int
  /// By how much a hit ratio of the curve is off in most cases, 0 to 1: less with more sampled look-ups, and twice as much where the traffic
  /// changed while they were noted. A rule that was found by comparison with real caches; see docs/local-cache-curve.md.
  public let expectedError: Double
  /// Whether enough was noted: a thousand look-ups of sampled keys and a thousand others, and sixteen for each sampled key that fits. Before, the curve is a guess.
  public let isReliable: Bool
  /// Whether the verdict may name sizes: with a quarter of these notes for each key. A cache in full use rests from noting before it is full, and is described
  /// by few keys' worth of notes for some seconds. A small cache never has more than some hundred look-ups noted: those have to do, of sixteen keys at least.
  let isUsable: Bool
  /// Look-ups of all keys that the curve is about: the last so many, or, where there are millions in a second, so many of the last second.
  public let requests: Int
  /// Whether what they hit is known of themselves. Otherwise what the cache hit since it was made stands for it.
  let knowsPresent: Bool

  /// The hit ratio at a size, between the points on a straight line.
  public func hitRatio(at size: Int) -> Double {
    var before: (size: Int, ratio: Double) = (0, 0)
    for point in points {
      if size <= point.size {
        let width = Double(max(point.size - before.size, 1))
        return before.ratio + (point.hitRatio - before.ratio) * Double(max(size - before.size, 0))
          / width
      }
      before = (point.size, point.hitRatio)
    }
    return before.ratio
  }

  /// The smallest of the sizes at which at least this share of the hits at `size` remains.
  public func smallestSize(keeping share: Double, ofHitsAt size: Int) -> Point? {
    let wanted = hitRatio(at: size) * share
    return points.first { $0.hitRatio >= wanted && $0.size < size }
  }
}

extension MissRatioCurve {
  static let shares: [Double] = [
    0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 2, 3, 4,
  ]

  private static let fewestLooks = (usually: 1000, ofAFullLog: 500)
  private static let fewestKeys = 16

  /// - Parameters:
  ///   - unit: what one unit of the policy is in units of the limit.
  ///   - statistics: what the cache hit since it was made stands in while there are too few probes.
  ///   - ends: what became of entries that left.
  init(sample: AccessSample, contents: SampledContents, unit: UInt64, statistics: CacheStatistics, ends: EntryEnds) {
    let model = CurveModel(sample, contents: contents, ends: ends, keysEver: statistics.keysEver)
    let lru = model.lruMissRatios(at: Self.shares)
    let policy = model.missRatios(at: Self.shares)
    let modelled = Self.shares.firstIndex(of: 1).map { policy[$0] } ?? 1
    knowsPresent = sample.knowsPresent(missRatio: model.presentMissRatio, before: 1 - statistics.hitRatio)
    let actual = knowsPresent ? model.presentMissRatio : 1 - statistics.hitRatio
    points = Self.shares.indices.map { index in
      let misses = Self.corrected(policy[index], at: Self.shares[index], modelled: modelled, actual: actual)
      return Point(
        size: Int(min(max(1, Double(contents.limit) * Self.shares[index]) * Double(unit), 9e18)),
        hitRatio: min(max(1 - misses, 0), 1), lruHitRatio: min(max(1 - lru[index], 0), 1))
    }
    sampledRequests = model.counted
    requests = Int(sample.requests)
    expectedError = min(0.7 * (sample.isSteady ? 1 : 2) / Double(max(model.counted, 1)).squareRoot(), 1)
    let keys = contents.weights.count
    let looks = model.counted
    let isLong = sample.hasManyProbes && looks >= Self.fewestLooks.usually
    isReliable = isLong && sample.records.count >= 16 * keys
    isUsable =
      (isLong || sample.isFull && looks >= Self.fewestLooks.ofAFullLog && keys >= Self.fewestKeys)
      && sample.records.count >= 4 * keys
  }

  /// Misses with what is known of the present size. The sample is too short for the policy to have learned in a miniature of that size all that it
  /// knows in the cache; a miniature of a tenth learns in a tenth of the time, so it lacks a tenth as much.
  private static func corrected(_ misses: Double, at share: Double, modelled: Double, actual: Double) -> Double {
    guard share > 1 else { return misses + (actual - modelled) * share }
    // Where hardly anything is missed in the model, two such numbers say nothing of each other; and no larger size misses more.
    return min(misses * actual / max(modelled, fewMisses), actual)
  }

  private static let fewMisses = 0.01
}

extension AccessSample {
  /// Each counter of the cache begins with a probe, so fewer would say too much of how many counters there are.
  var hasManyProbes: Bool { probes >= 1000 }

  /// Whether the probes say what the cache hits now better than all look-ups since it was made do.
  ///
  /// The log of a small cache, and half of one while traffic changes, never has many probes. These are believed where they differ by more than chance.
  func knowsPresent(missRatio: Double, before: Double) -> Bool {
    guard !hasManyProbes else { return true }
    guard isFull, probes >= Self.fewestProbes else { return false }
    let variance = (missRatio * (1 - missRatio) + before * (1 - before)) / 2 / Double(probes)
    return abs(missRatio - before) > Self.deviations * variance.squareRoot()
  }

  private static let fewestProbes = 100
  private static let deviations = 4.0
}

extension LocalCache {
  /// What the cache would hit at other sizes. Takes 20 to 250 milliseconds, and each shard's lock for a look at its entries; nothing is worked out
  /// before somebody asks.
  public var missRatioCurve: MissRatioCurve { curve(of: observer.sample(), statistics) }

  func curve(of sample: AccessSample, _ statistics: CacheStatistics) -> MissRatioCurve {
    var weights: [UInt64] = []
    var all: UInt64 = 0
    for index in 0...shardMask {
      locked(shard(at: index)) { shard in
        weights += shard.pointee.policy.weights(below: sample.threshold)
        all += shard.pointee.policy.weight
      }
    }
    let contents = SampledContents(weights: weights, all: all, limit: bound.maximum, nominalRate: sample.rate)
    return MissRatioCurve(
      sample: sample, contents: contents, unit: bound.unit, statistics: statistics,
      ends: statistics.ends(
        areProlonged: configuration.expiry.afterAccess != nil && configuration.expiry.afterWrite == nil))
  }
}
