import Synchronization

/// What a cache has done since it was made, and what it holds.
public struct CacheStatistics: Sendable {
  /// Look-ups that found a value.
  public var hits: UInt64 = 0
  /// Look-ups that found none, or one that was over.
  public var misses: UInt64 = 0
  /// Values taken in for keys that had none.
  public var insertions: UInt64 = 0
  /// Entries that ended by their lifetime.
  public var expired: UInt64 = 0
  /// Entries that made room for others.
  public var evicted: UInt64 = 0
  /// Values replaced by others of the same key.
  public var replaced: UInt64 = 0
  /// Entries removed by `remove` and `removeAll`.
  public var removed: UInt64 = 0
  /// Of these, those removed by `removeAll`.
  var emptied: UInt64 = 0
  /// Values that were not taken in because they are larger than the cache, or pinned entries left no room.
  public var refused: UInt64 = 0

  /// Loads that gave a value.
  public var loads: UInt64 = 0
  /// Loads that failed, or took longer than their limit.
  public var failedLoads: UInt64 = 0
  /// Look-ups that found no value and waited for a load that another one had begun: misses that asked nobody.
  public var joinedLoads: UInt64 = 0
  /// Time that the loads took that gave a value, added up: what hits save. Of a batch, an equal share for each key.
  public var loadTime: Duration = .zero

  /// Entries in the cache.
  public var entries: Int = 0
  /// What they count against the limit, in its unit.
  public var weight: Int = 0
  /// The limit.
  public var limit = CacheLimit.entries(0)
  /// Distinct keys asked for in vain, once or more often, to within 1.3 %, in small caches 1.8 or 2.6 %. 0 unless the cache is observed. Where values are stored after
  /// misses these are all keys; keys that were stored before they were asked for, and never missed, are not among them.
  public var distinctKeys: Int = 0
  /// Standard error of the bytes that an entry counts without having been measured, in bytes; 0 where each is (`CacheSizing.oneIn`).
  public var weightError: Double = 0
  /// Hits of sampled keys by age of the value: element n counts ages from 2^(n-1) up to 2^n milliseconds, nearly.
  public var agesAtHit: [UInt64] = []
  /// Share of the cache that the policy gives to new entries now, mean of the shards.
  public var windowShare: Double = 0

  /// Nothing has happened yet.
  public init() {}

  /// Look-ups.
  public var requests: UInt64 { hits &+ misses }
  /// Hits of all look-ups, 0 to 1; 0 without look-ups.
  public var hitRatio: Double { requests == 0 ? 0 : Double(hits) / Double(requests) }
  /// Look-ups of keys that had been asked for or stored before, of all look-ups: what a cache without limit would hit. Where keys are not counted, what hit at
  /// least.
  public var repeatRatio: Double {
    guard requests > 0, distinctKeys > 0 else { return hitRatio }
    return max(hitRatio, 1 - min(1, Double(distinctKeys) / Double(requests)))
  }
  /// Values that were stored, or refused.
  var writes: UInt64 { insertions &+ replaced &+ refused }
  /// Mean time of a load.
  public var meanLoadTime: Duration { loads == 0 ? .zero : loadTime / Int(clamping: loads) }
}

extension LocalCache {
  /// Entries in the cache, including those that are over and not yet removed. Waits for every shard's writer for a moment.
  public var count: Int {
    (0...shardMask).reduce(0) { sum, index in sum + reading(shard(at: index)) { $0.pointee.policy.count } }
  }

  /// What the entries count against the limit, in its unit: bytes, entries or weight.
  public var weight: Int {
    let units = (0...shardMask).reduce(0 as UInt64) { sum, index in
      sum + reading(shard(at: index)) { $0.pointee.policy.weight }
    }
    return Int(clamping: units * bound.unit)
  }

  /// The limit.
  public var limit: CacheLimit {
    let amount = Int(clamping: bound.maximum * bound.unit)
    switch sizer.limitUnit {
    case .bytes: return .bytes(ByteSize(amount))
    case .entries: return .entries(amount)
    case .weight: return .weight(amount)
    }
  }

  /// Counters and contents as of now. Waits for every shard's writer, one after the other.
  public var statistics: CacheStatistics {
    var result = CacheStatistics()
    (result.hits, result.misses) = cells.counts
    for index in 0...shardMask {
      reading(shard(at: index)) { shard in
        result.hits += shard.pointee.policy.hits
        result.misses += shard.pointee.policy.misses
        result.insertions += shard.pointee.counters.insertions
        result.expired += shard.pointee.counters.expired
        result.evicted += shard.pointee.counters.evicted
        result.replaced += shard.pointee.counters.replaced.load(ordering: .relaxed)
        result.removed += shard.pointee.counters.explicit
        result.emptied += shard.pointee.counters.emptied
        result.refused += shard.pointee.counters.refused
        result.entries += shard.pointee.policy.count
        result.weight += Int(clamping: shard.pointee.policy.weight * bound.unit)
        result.windowShare += shard.pointee.policy.currentWindowShare / Double(shardMask + 1)
      }
    }
    result.limit = limit
    result.distinctKeys = observer.distinctCount
    result.agesAtHit = observer.ages()
    result.weightError = sizer.estimator?.standardError ?? 0
    loader.addStatistics(to: &result)
    observer.entryEstimate.store(result.entries, ordering: .relaxed)
    return result
  }
}
