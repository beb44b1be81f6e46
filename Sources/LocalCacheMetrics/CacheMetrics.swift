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
    private let uses = MetricUses()

    /// - Parameters:
    ///   - interval: time between two reports of `run`.
    ///   - factory: where metrics are made; nil is the one that the process was bootstrapped with.
    public init(interval: Duration = .seconds(10), factory: (any MetricsFactory)? = nil) {
      self.interval = max(interval, .milliseconds(1))
      self.factory = factory
    }

    /// Reports this cache from now on, for as long as it lives. Its metrics end with it, but for those that another cache of the same name has too.
    public func add<Key, Value>(_ cache: LocalCache<Key, Value>) {
      add(cache) { [factory = factory ?? MetricsSystem.factory, uses] in
        let metrics = LocalCacheMetrics(name: cache.name, unit: cache.limit.unit, factory, uses)
        return CacheReporter(cache: cache, destroy: { metrics.destroy() }) { cache in
          metrics.report(cache.statistics, cache.footprint)
        }
      }
    }

    /// The same for a tiered cache: its local tier, and what it does with the remote one.
    public func add<Key, Value>(_ cache: TieredCache<Key, Value>) {
      add(cache) { [factory = factory ?? MetricsSystem.factory, uses] in
        let local = LocalCacheMetrics(name: cache.name, unit: cache.local.limit.unit, factory, uses)
        let tiers = TieredCacheMetrics(name: cache.name, factory, uses)
        return CacheReporter(
          cache: cache,
          destroy: {
            local.destroy()
            tiers.destroy()
          }
        ) { cache in
          local.report(cache.local.statistics, cache.local.footprint)
          tiers.report(cache.statistics)
        }
      }
    }

    /// Twice the same cache would count everything twice.
    private func add(_ cache: AnyObject, _ make: () -> any Reporter) {
      reporters.withLock { reporters in
        if !reporters.contains(where: { $0.isOf(cache) }) { reporters.append(make()) }
      }
    }

    /// Reports once, as of now.
    public func report() {
      // Not under the lock: this may let the last reference to a cache go, and with it run code of its values.
      let gone = reporters.withLock { $0 }.filter { !$0.report() }
      guard !gone.isEmpty else { return }
      let removed = reporters.withLock { reporters in
        defer { reporters.removeAll { reporter in gone.contains { $0 === reporter } } }
        return reporters.filter { reporter in gone.contains { $0 === reporter } }
      }
      for reporter in removed { reporter.destroy() }
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

  private protocol Reporter: AnyObject, Sendable {
    /// False when there is nothing to report any more.
    func report() -> Bool
    func isOf(_ object: AnyObject) -> Bool
    /// Ends its metrics.
    func destroy()
  }

  /// Holds a cache weakly: metrics are no reason to keep one.
  private final class CacheReporter<Cache: AnyObject & Sendable>: Reporter {
    private weak let cache: Cache?
    private let end: @Sendable () -> Void
    private let body: @Sendable (Cache) -> Void

    init(cache: Cache, destroy: @escaping @Sendable () -> Void, _ body: @escaping @Sendable (Cache) -> Void) {
      self.cache = cache
      end = destroy
      self.body = body
    }

    func report() -> Bool {
      guard let cache else { return false }
      body(cache)
      return true
    }

    func isOf(_ object: AnyObject) -> Bool { cache === object }
    func destroy() { end() }
  }
#endif
