#if Metrics
  import CoreMetrics
  import LocalCache
  import Synchronization

  /// Reports the numbers of caches through swift-metrics.
  ///
  /// ```swift
  /// let metrics = CacheMetrics()
  /// metrics.add(profiles)
  /// try await withThrowingTaskGroup(of: Void.self) { group in
  ///   group.addTask { await metrics.run() }
  ///   …
  /// }
  /// ```
  ///
  /// Nothing is added to the way of `get` and `set`: the caches count anyway, and this reads what they have counted. Names and dimensions are
  /// listed in docs/local-cache-tiers.md.
  public final class CacheMetrics: Sendable {
    private let interval: Duration
    private let factory: (any MetricsFactory)?
    private let reporters = Mutex<[any Reporter]>([])

    /// - Parameters:
    ///   - interval: time between two reports of `run`.
    ///   - factory: where metrics are made; nil is the one that the process was bootstrapped with.
    public init(interval: Duration = .seconds(10), factory: (any MetricsFactory)? = nil) {
      self.interval = max(interval, .milliseconds(1))
      self.factory = factory
    }

    /// Reports this cache from now on, for as long as it lives.
    public func add<Key, Value>(_ cache: LocalCache<Key, Value>) {
      let metrics = LocalCacheMetrics(name: cache.name, unit: cache.limit.unit, factory ?? MetricsSystem.factory)
      reporters.withLock {
        $0.append(
          CacheReporter(cache: cache, destroy: { metrics.destroy() }) { cache in
            metrics.report(cache.statistics, cache.footprint)
          })
      }
    }

    /// Reports this cache from now on, for as long as it lives: its local tier, and what it does with the remote one.
    public func add<Key, Value>(_ cache: TieredCache<Key, Value>) {
      let factory = factory ?? MetricsSystem.factory
      let local = LocalCacheMetrics(name: cache.name, unit: cache.local.limit.unit, factory)
      let tiers = TieredCacheMetrics(name: cache.name, factory)
      reporters.withLock {
        $0.append(
          CacheReporter(
            cache: cache,
            destroy: {
              local.destroy()
              tiers.destroy()
            }
          ) { cache in
            local.report(cache.local.statistics, cache.local.footprint)
            tiers.report(cache.statistics)
          })
      }
    }

    /// Reports once, as of now.
    public func report() {
      reporters.withLock { reporters in reporters.removeAll { !$0.report() } }
    }

    /// Reports at every interval until the task is cancelled, and once more at the end.
    public func run() async {
      while !Task.isCancelled {
        report()
        do { try await Task.sleep(for: interval) } catch { break }
      }
      report()
    }
  }

  private protocol Reporter: Sendable {
    /// False when there is nothing to report any more.
    func report() -> Bool
  }

  /// Holds a cache weakly: metrics are no reason to keep one.
  private final class CacheReporter<Cache: AnyObject & Sendable>: Reporter {
    private weak let cache: Cache?
    private let destroy: @Sendable () -> Void
    private let body: @Sendable (Cache) -> Void

    init(cache: Cache, destroy: @escaping @Sendable () -> Void, _ body: @escaping @Sendable (Cache) -> Void) {
      self.cache = cache
      self.destroy = destroy
      self.body = body
    }

    func report() -> Bool {
      guard let cache else {
        destroy()
        return false
      }
      body(cache)
      return true
    }
  }
#endif
