#if Metrics
  import CoreMetrics
  import LocalCache

  /// A row for each number of a local cache.
  final class LocalCacheMetrics: Sendable {
    private let set: CounterSet<CacheStatistics>
    /// With a limit in bytes.
    private let memory: CounterSet<CacheFootprint>?

    init(name: String, unit: CacheLimit.Unit, _ factory: any MetricsFactory, _ uses: MetricUses) {
      func removals(_ cause: String, _ value: @escaping @Sendable (CacheStatistics) -> UInt64)
        -> CounterSet<CacheStatistics>.Total
      {
        .init(label: "local_cache_removals", dimensions: [("cause", cause)]) { Double(value($0)) }
      }
      let weight =
        switch unit {
        case .bytes: "bytes"
        case .entries: "limited_entries"
        case .weight: "weight"
        }
      set = CounterSet(
        cache: name,
        totals: [
          .init(label: "local_cache_hits") { Double($0.hits) },
          .init(label: "local_cache_misses") { Double($0.misses) },
          .init(label: "local_cache_insertions") { Double($0.insertions) },
          removals("expired") { $0.expired },
          removals("size") { $0.evicted },
          removals("replaced") { $0.replaced },
          removals("explicit") { $0.removed },
          removals("refused") { $0.refused },
          .init(label: "local_cache_loads", dimensions: [("result", "success")]) { Double($0.loads) },
          .init(label: "local_cache_loads", dimensions: [("result", "failure")]) { Double($0.failedLoads) },
          .init(label: "local_cache_joined_loads") { Double($0.joinedLoads) },
          .init(label: "local_cache_load_seconds", isWhole: false) { $0.loadTime / .seconds(1) },
        ],
        levels: [
          .init(label: "local_cache_entries") { Double($0.entries) },
          .init(label: "local_cache_\(weight)") { Double($0.weight) },
          .init(label: "local_cache_limit_\(weight)") { Double($0.limit.amount) },
          .init(label: "local_cache_distinct_keys") { Double($0.distinctKeys) },
        ], factory, uses)
      memory =
        unit == .bytes
        ? CounterSet(
          cache: name, totals: [],
          levels: [
            .init(label: "local_cache_holes_bytes") { Double($0.holes) },
            .init(label: "local_cache_held_back_bytes") { Double($0.heldBack) },
          ], factory, uses) : nil
    }

    func report(_ statistics: CacheStatistics, _ footprint: CacheFootprint) {
      set.report(statistics)
      memory?.report(footprint)
    }

    func destroy() {
      set.destroy()
      memory?.destroy()
    }
  }

  /// A row for each number of what a tiered cache does with its remote tier.
  final class TieredCacheMetrics: Sendable {
    private let set: CounterSet<TieredStatistics>

    init(name: String, _ factory: any MetricsFactory, _ uses: MetricUses) {
      func total(
        _ label: String, _ dimensions: [(String, String)] = [],
        _ value: @escaping @Sendable (TieredStatistics) -> UInt64
      ) -> CounterSet<TieredStatistics>.Total {
        .init(label: "remote_tier_\(label)", dimensions: dimensions) { Double(value($0)) }
      }
      set = CounterSet(
        cache: name,
        totals: [
          total("hits") { $0.remoteHits },
          total("misses") { $0.remoteMisses },
          total("negative_hits") { $0.negativeHits },
          total("unreadable", [("reason", "garbage")]) { $0.garbage },
          total("unreadable", [("reason", "version")]) { $0.otherVersions },
          total("loads") { $0.loads },
          total("early_refreshes") { $0.earlyRefreshes },
          total("waits") { $0.waits },
          total("waits_in_vain") { $0.waitsInVain },
          total("writes", [("result", "success")]) { $0.writes },
          total("writes", [("result", "failure")]) { $0.failedWrites },
          total("writes", [("result", "outdated")]) { $0.outdatedLoads },
          total("failed_calls", [("reason", "unavailable")]) { $0.failedCalls - min($0.failedCalls, $0.timedOutCalls) },
          total("failed_calls", [("reason", "timeout")]) { $0.timedOutCalls },
          total("failed_calls", [("reason", "refused")]) { $0.refusedCalls },
          total("failed_calls", [("reason", "skipped")]) { $0.skippedCalls },
          total("invalidations") { $0.invalidations },
          total("flushes") { $0.flushes },
        ],
        levels: [
          .init(label: "remote_tier_used") { $0.isRemoteUsed ? 1 : 0 },
          .init(label: "remote_tier_invalidated") { $0.isInvalidated ? 1 : 0 },
          .init(label: "remote_tier_pending_removals") { Double($0.pendingRemovals) },
        ], factory, uses)
    }

    func report(_ statistics: TieredStatistics) { set.report(statistics) }
    func destroy() { set.destroy() }
  }
#endif
