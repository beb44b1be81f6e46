import LocalCache
import Testing

/// What callers, keys and loaders may do wrong.
@Suite struct BadInputTests {
  /// All keys have the same hash: slow, but every one has its own value.
  struct Colliding: Hashable, Sendable {
    let number: Int
    func hash(into hasher: inout Hasher) { hasher.combine(7) }
  }

  @Test func keysOfEqualHash() {
    let cache = LocalCache<Colliding, Int>(name: "colliding", limit: .entries(300))
    for number in 0..<400 {
      cache.set(number, for: Colliding(number: number))
      #expect(cache.count <= 300)
    }
    for number in 0..<400 {
      if let value = cache.get(Colliding(number: number)) { #expect(value == number) }
    }
    for number in 0..<400 { cache.remove(Colliding(number: number)) }
    #expect(cache.count == 0)
  }

  /// The closure of `withValue` must not use its own cache: that ends the process instead of hanging it, whether the shard is open to readers
  /// or not.
  @Test func borrowsThatUseTheirOwnCache() async {
    let closed = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let cache = LocalCache<Int, Int>(name: "closed", limit: .entries(10))
      cache.set(1, for: 1)
      _ = cache.withValue(for: 1) { _ in cache.set(2, for: 1) }
    }
    let open = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let cache = LocalCache<Int, Int>(name: "open", limit: .entries(10))
      cache.set(1, for: 1)
      for _ in 0..<10_000 { _ = cache.get(1) }
      _ = cache.withValue(for: 1) { _ in cache.get(1) }
    }
    // In optimized programs too.
    let removing = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let cache = LocalCache<Int, Int>(name: "removing", limit: .entries(10))
      cache.set(1, for: 1)
      cache.removeAll { key, _ in cache.get(key) == 1 }
    }
    for result in [closed, open, removing] {
      let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
      #expect(words.contains("the closure of withValue or removeAll(where:) uses the same cache"), "\(words)")
    }
  }

  @Test func negativeWeightsCountAsNothing() {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.weigher = { _, value in value }
    let cache = LocalCache<Int, Int>(name: "negative", limit: .weight(10), configuration: configuration)
    for key in 0..<50 { #expect(cache.set(-5, for: key)) }
    #expect(cache.count == 50 && cache.weight == 0)
    #expect(cache.set(.max, for: 1) == false)
    #expect(cache.set(.min, for: 1))
  }

  @Test(arguments: [Duration.zero, .seconds(-5), .nanoseconds(1)])
  func lifetimesOfNothing(lifetime: Duration) {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry = CacheExpiry(afterWrite: lifetime, jitter: 7)
    let cache = LocalCache<Int, Int>(name: "short", limit: .entries(10), configuration: configuration)
    cache.set(1, for: 1)
    clock.advance(by: .milliseconds(10))
    #expect(cache.get(1) == nil)
  }

  @Test func settingsOutOfRange() async throws {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.shards = -3
    configuration.loading.batchSize = 0
    configuration.loading.batchParallelism = -1
    configuration.loading.timeout = .seconds(-1)
    let cache = LocalCache<Int, Int>(name: "settings", limit: .entries(10), configuration: configuration)
    let values = try await cache.values(for: [1, 2, 3]) { keys in
      Dictionary(uniqueKeysWithValues: keys.map { ($0, $0) })
    }
    #expect(values == [1: 1, 2: 2, 3: 3])
    await #expect(throws: LocalCacheError.self) {
      _ = try await cache.value(for: 9) { key in
        try await Task.sleep(for: .seconds(30))
        return key
      }
    }
  }

  /// A source that gives values nobody asked for, and leaves out others.
  @Test func batchLoadersThatAnswerSomethingElse() async throws {
    let cache = LocalCache<Int, Int>(name: "other", limit: .entries(10))
    let values = try await cache.values(for: [1, 2]) { _ in [2: 20, 77: 770] }
    #expect(values[1] == nil && values[2] == 20)
  }

  /// Every waiter of a failing load hears of it, and the next one loads again.
  @Test func loadsThatFailAreTriedAgain() async throws {
    struct Broken: Error {}
    let cache = LocalCache<Int, Int>(name: "again", limit: .entries(10))
    let attempts = Locked(0)
    for _ in 0..<3 {
      await #expect(throws: Broken.self) {
        _ = try await cache.value(for: 1) { _ in
          attempts.with { $0 += 1 }
          throw Broken()
        }
      }
    }
    #expect(try await cache.value(for: 1) { _ in 5 } == 5)
    #expect(attempts.current == 3 && cache.statistics.failedLoads == 3)
  }

  /// Times that no clock reaches, and that end before they begin.
  @Test(arguments: [Duration.seconds(Int64.max), .seconds(Int64.min), .zero])
  func timesOutOfRange(time: Duration) async throws {
    struct Broken: Error {}
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.expiry = CacheExpiry(afterWrite: time, afterAccess: time, jitter: .nan)
    configuration.loading.failureLifetime = time
    configuration.loading.refreshAfter = time
    configuration.loading.staleWhileError = time
    let cache = LocalCache<Int, Int>(name: "times", limit: .entries(10), configuration: configuration)
    cache.set(1, for: 1, lifetime: time)
    #expect(try await cache.value(for: 2) { $0 } == 2)
    await #expect(throws: Broken.self) { _ = try await cache.value(for: 3) { _ in throw Broken() } }
    cache.removeExpired()
    var tiered = TieredConfiguration<Int, Int>(
      keys: .description, values: .init(encode: { Array("\($0)".utf8) }, decode: { _ in throw Broken() }))
    (tiered.lifetime, tiered.negativeLifetime, tiered.localLifetime) = (time, time, time)
    (tiered.breaker.pause, tiered.breaker.longestPause, tiered.breaker.failures) = (time, time, 1)
    (tiered.stampede.leaseLifetime, tiered.stampede.longestWait, tiered.stampede.eagerness) = (time, time, .nan)
    let tier = MemoryTier(MemoryStore())
    let tiers = TieredCache<Int, Int>(name: "times", limit: .entries(10), remote: tier, configuration: tiered)
    #expect(try await tiers.value(for: 1) { $0 } == 1)
    tier.fault.with { $0 = .gone }
    for key in 2..<20 { #expect(try await tiers.value(for: key) { $0 } == key) }
  }

  /// Types that say anything of their size.
  @Test func sizesOutOfRange() {
    struct Liar: MemorySized, Sendable { let heapBytes: Int }
    let cache = LocalCache<Int, [Liar?]>(name: "liars", limit: .bytes(.mebibytes(1)))
    let isTaken = [
      cache.set([Liar(heapBytes: .max), Liar(heapBytes: .max)], for: 1),
      cache.set(Array(repeating: Liar(heapBytes: .max), count: 5000), for: 2),
      cache.set([Liar(heapBytes: .min), nil, Liar(heapBytes: -1)], for: 3),
    ]
    #expect(isTaken == [false, false, true])
    #expect(cache.count == 1 && cache.weight < 1000)
  }
}
