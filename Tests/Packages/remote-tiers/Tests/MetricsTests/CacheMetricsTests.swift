import CoreMetrics
import LocalCache
import LocalCacheMetrics
import MetricsTestKit
import Testing

@Suite struct CacheMetricsTests {
  struct Broken: Error {}

  private func total(_ metrics: TestMetrics, _ label: String, _ dimensions: [(String, String)] = []) throws -> Int64 {
    try metrics.expectCounter(label, [("cache", "profiles")] + dimensions).totalValue
  }

  private func level(_ metrics: TestMetrics, _ label: String) throws -> Double? {
    try metrics.expectGauge(label, [("cache", "profiles")]).lastValue
  }

  @Test func countersSayWhatWasAddedAndGaugesWhatIs() async throws {
    let metrics = TestMetrics()
    let reporter = CacheMetrics(factory: metrics)
    let cache = LocalCache<Int, String>(name: "profiles", limit: .bytes(.kibibytes(64)))
    reporter.add(cache)
    reporter.report()
    #expect(try total(metrics, "local_cache_hits") == 0, "it is there before anything happens")

    for key in 0..<2000 { cache.set("a value that does not fit into the string itself, \(key)", for: key) }
    for key in 0..<3000 { _ = cache.get(key) }
    cache.set("again", for: 1999)
    _ = try await cache.value(for: 5000) { _ in
      try await Task.sleep(for: .milliseconds(1100))
      return "loaded"
    }
    _ = try? await cache.value(for: 5001) { _ in throw Broken() }
    cache.remove(5000)
    for _ in 0..<3 { reporter.report() }
    let statistics = cache.statistics
    #expect(statistics.hits > 0 && statistics.evicted > 0)
    #expect(try total(metrics, "local_cache_hits") == Int64(statistics.hits))
    #expect(try total(metrics, "local_cache_misses") == Int64(statistics.misses))
    #expect(try total(metrics, "local_cache_insertions") == Int64(statistics.insertions))
    #expect(try total(metrics, "local_cache_removals", [("cause", "size")]) == Int64(statistics.evicted))
    #expect(try total(metrics, "local_cache_removals", [("cause", "replaced")]) == Int64(statistics.replaced))
    #expect(try total(metrics, "local_cache_removals", [("cause", "explicit")]) == 1)
    #expect(try total(metrics, "local_cache_removals", [("cause", "expired")]) == 0)
    #expect(try total(metrics, "local_cache_loads", [("result", "success")]) == 1)
    #expect(try total(metrics, "local_cache_loads", [("result", "failure")]) == 1)
    #expect(try total(metrics, "local_cache_load_seconds") >= 1, "whole seconds in this factory")
    #expect(try level(metrics, "local_cache_entries") == Double(statistics.entries))
    #expect(try level(metrics, "local_cache_bytes") == Double(statistics.weight))
    #expect(try level(metrics, "local_cache_limit_bytes") == 65_536)
    #expect(try level(metrics, "local_cache_holes_bytes") == 0, "too small a cache for that")
    #expect(try level(metrics, "local_cache_held_back_bytes") == 0)

    // A second look adds what has come since, not all again.
    for _ in 0..<10 { _ = cache.get(-1) }
    reporter.report()
    #expect(try total(metrics, "local_cache_misses") == Int64(statistics.misses) + 10)
  }

  @Test func loadsThatOthersWaitForAreCounted() async throws {
    let metrics = TestMetrics()
    let reporter = CacheMetrics(factory: metrics)
    let cache = LocalCache<Int, Int>(name: "profiles", limit: .entries(10))
    reporter.add(cache)
    let (gate, open) = AsyncStream<Void>.makeStream()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<30 {
        group.addTask {
          _ = try? await cache.value(for: 1) { _ in
            for await _ in gate { break }
            return 1
          }
        }
      }
      while cache.statistics.joinedLoads < 29 { await Task.yield() }
      open.yield()
    }
    reporter.report()
    #expect(try total(metrics, "local_cache_joined_loads") == 29)
    #expect(try total(metrics, "local_cache_loads", [("result", "success")]) == 1)
  }

  @Test func metricsEndWithTheirCache() throws {
    let metrics = TestMetrics()
    let reporter = CacheMetrics(factory: metrics)
    var cache: LocalCache<Int, Int>? = LocalCache(name: "profiles", limit: .entries(10))
    if let cache { reporter.add(cache) }
    reporter.report()
    #expect(!metrics.counters.isEmpty && !metrics.recorders.isEmpty)
    cache = nil
    reporter.report()
    #expect(metrics.counters.isEmpty && metrics.recorders.isEmpty)
  }

  /// A cache in place of another, as when settings are read anew: the metrics are the same, and go with the last.
  @Test func metricsOfANameEndWithTheLastCacheOfIt() throws {
    let metrics = TestMetrics()
    let reporter = CacheMetrics(factory: metrics)
    var old: TieredCache<Int, String>? = TieredCache(name: "profiles", limit: .entries(10), remote: Echo())
    if let old { reporter.add(old) }
    var new: LocalCache<Int, Int>? = LocalCache(name: "profiles", limit: .bytes(.mebibytes(1)))
    if let new { reporter.add(new) }
    for _ in 0..<3 { _ = new?.get(1) }
    reporter.report()
    old = nil
    reporter.report()
    for _ in 0..<4 { _ = new?.get(1) }
    reporter.report()
    #expect(try total(metrics, "local_cache_misses") == 7)
    #expect(metrics.counters.allSatisfy { $0.label.hasPrefix("local_cache") }, "there is no tier any more")
    #expect(try level(metrics, "local_cache_bytes") == 0)
    new = nil
    reporter.report()
    #expect(metrics.counters.isEmpty && metrics.recorders.isEmpty)
  }

  @Test func aCacheThatIsAddedTwiceCountsOnce() throws {
    let metrics = TestMetrics()
    let reporter = CacheMetrics(factory: metrics)
    let cache = LocalCache<Int, Int>(name: "profiles", limit: .entries(10))
    reporter.add(cache)
    reporter.add(cache)
    for _ in 0..<3 { _ = cache.get(1) }
    reporter.report()
    #expect(try total(metrics, "local_cache_misses") == 3)
  }

  /// A tier that knows everything, and then is gone.
  final class Echo: RemoteTier {
    func get(_ names: [String]) async throws -> [[UInt8]?] { throw RemoteTierError.unavailable("gone") }
    func set(_ entries: [RemoteEntry]) async throws {}
    func delete(_ names: [String]) async throws {}
  }

  @Test func tiersHaveTheirOwn() async throws {
    let metrics = TestMetrics()
    let reporter = CacheMetrics(interval: .milliseconds(10), factory: metrics)
    let cache = TieredCache<Int, String>(name: "profiles", limit: .entries(100), remote: Echo())
    reporter.add(cache)
    for key in 0..<8 { #expect(try await cache.value(for: key) { "\($0)" } == "\(key)") }
    let running = Task { await reporter.run() }
    for _ in 0..<1000 {
      if (try? total(metrics, "remote_tier_loads")) == 8 { break }
      try await Task.sleep(for: .milliseconds(5))
    }
    running.cancel()
    await running.value
    #expect(try total(metrics, "remote_tier_loads") == 8)
    #expect(try total(metrics, "local_cache_misses") == 8)
    #expect(try total(metrics, "remote_tier_failed_calls", [("reason", "unavailable")]) == 5)
    #expect(try total(metrics, "remote_tier_failed_calls", [("reason", "skipped")]) == 3)
    #expect(try total(metrics, "remote_tier_waits") == 0)
    #expect(try total(metrics, "remote_tier_waits_in_vain") == 0)
    #expect(try level(metrics, "remote_tier_used") == 0)
  }
}
