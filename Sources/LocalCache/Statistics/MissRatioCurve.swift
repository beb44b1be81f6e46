/// What the cache would hit at other sizes, worked out from a sample of its own traffic.
///
/// `hitRatio` is what this cache's policy would reach: the sample is replayed through the policy itself in miniature. `lruHitRatio` is what a cache
/// would hit that evicts the least recently used, by reuse distances in weight. See `CurveModel` and docs/local-cache.md.
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
  /// Look-ups of sampled keys that the curve is made of. Below some thousand it is a guess.
  public let sampledRequests: Int
  /// Look-ups of all keys that the curve is about: the last so many.
  public let requests: Int

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

  /// - Parameters:
  ///   - limit: in units of the policy; `unit` is how much one of them is.
  ///   - rate: how much of the cache's contents is of sampled keys. That is known, and better than the share of keys that should be sampled.
  ///   - expires: whether entries end by themselves.
  ///   - hitRatio: what the cache hit since it was made; stands in while there are too few probes.
  init(sample: AccessSample, limit: UInt64, unit: UInt64, rate: Double, expires: Bool, hitRatio: Double) {
    let model = CurveModel(sample, expires: expires)
    let sizes = Self.shares.map { max(1, Double(limit) * $0) }
    let lru = model.lruMissRatios(at: sizes.map { $0 * rate })
    let policy = sizes.map { model.missRatio(at: $0 * rate) }
    let modelled = Self.shares.firstIndex(of: 1).map { policy[$0] } ?? 1
    let actual = sample.requests > 0 ? model.presentMissRatio : 1 - hitRatio
    points = sizes.indices.map { index in
      let misses = Self.corrected(policy[index], at: Self.shares[index], modelled: modelled, actual: actual)
      return Point(
        size: Int(clamping: UInt64(sizes[index]) * unit),
        hitRatio: min(max(1 - misses, 0), 1), lruHitRatio: min(max(1 - lru[index], 0), 1))
    }
    sampledRequests = model.counted
    requests = Int(sample.requests)
  }

  /// Misses with what is known of the present size. The sample is too short for the policy to have learned in a miniature of that size all that it
  /// knows in the cache; a miniature of a tenth learns in a tenth of the time, so it lacks a tenth as much.
  private static func corrected(_ misses: Double, at share: Double, modelled: Double, actual: Double) -> Double {
    guard share > 1 else { return misses + (actual - modelled) * share }
    return modelled > 0 ? misses * actual / modelled : misses
  }
}

extension LocalCache {
  /// What the cache would hit at other sizes. Takes some ten milliseconds; nothing is worked out before somebody asks.
  public var missRatioCurve: MissRatioCurve { curve(of: observer.sample(), hitRatio: statistics.hitRatio) }

  func curve(of sample: AccessSample, hitRatio: Double) -> MissRatioCurve {
    MissRatioCurve(
      sample: sample, limit: bound.maximum, unit: bound.unit, rate: sampledShare(below: sample.threshold) ?? sample.rate,
      expires: expires, hitRatio: hitRatio)
  }

  /// Share of the cache's contents, by weight, that is of sampled keys; nil while there is too little. Linear in the number of entries.
  private func sampledShare(below threshold: UInt32) -> Double? {
    var sampled: UInt64 = 0
    var all: UInt64 = 0
    for index in 0...shardMask {
      let weights = reading(shard(at: index)) { $0.pointee.policy.weights(below: threshold) }
      sampled += weights.sampled
      all += weights.all
    }
    return sampled >= 16 ? Double(sampled) / Double(all) : nil
  }
}
