import Testing

@testable import LocalCache

/// What the verdict says of caches whose fault is not their size, and in which words.
@Suite struct VerdictReasonTests {
  private typealias Cache = LocalCache<Int, Int>

  /// Look-ups of keys that all come again, each stored after a miss.
  private func use(_ cache: Cache, _ count: Int, keys: Int = 5000, each: (Int) -> Void = { _ in }) {
    for access in 0..<count {
      let key = access % keys
      if cache.get(key) == nil { cache.set(key, for: key) }
      each(key)
    }
  }

  private func expect(_ verdict: CacheVerdict, _ advice: CacheVerdict.Advice, _ words: String...) {
    #expect(verdict.advice == advice, "\(verdict)")
    for word in words { #expect("\(verdict)".contains(word), "\(verdict)") }
  }

  @Test func aFewLookUpsAreTooEarly() {
    let cache = Cache(name: "early", limit: .entries(1000))
    _ = cache.get(1)
    expect(cache.verdict, .tooEarly, "only 1 look-up so far")
    _ = cache.get(1)
    expect(cache.verdict, .tooEarly, "only 2 look-ups so far")
  }

  @Test func whatIsOnlyWrittenIsToBeRemoved() {
    let cache = Cache(name: "written", limit: .entries(1000))
    for key in 0..<30_000 { cache.set(key, for: key) }
    expect(cache.verdict, .remove, "remove: It was written 30,000 times and read 0 times.")
  }

  @Test func whatIsNeverFilledIsToBeRemoved() {
    let cache = Cache(name: "empty", limit: .entries(1000))
    for access in 0..<30_000 { _ = cache.get(access % 500) }
    expect(cache.verdict, .remove, "0 values after 30,000 misses")
  }

  /// A database that is down says nothing of the cache.
  @Test func loadsThatFailSayNothing() async {
    let cache = Cache(name: "failing", limit: .entries(1000))
    for access in 0..<3000 { _ = try? await cache.value(for: access % 50) { _ in throw CancellationError() } }
    expect(cache.verdict, .tooEarly, "0.0 % of 3,000 look-ups hit. 3,000 loads failed and none gave a value")
  }

  /// Many ask for a key before its value is there: none of them hits, and one load does for all.
  @Test func oneLoadForManyIsWorthACache() async {
    let cache = Cache(name: "together", limit: .entries(1000))
    for key in 0..<100 {
      let (gate, open) = AsyncStream<Void>.makeStream()
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<30 {
          group.addTask {
            _ = try? await cache.value(for: key) { _ in
              for await _ in gate { break }
              return key
            }
          }
        }
        await until { cache.statistics.joinedLoads == UInt64(key + 1) * 29 }
        open.yield()
      }
    }
    #expect(cache.statistics.joinedLoads == 2900 && cache.statistics.loads == 100)
    expect(
      cache.verdict, .keep, "0.0 % of 3,000 look-ups hit. 96.7 % waited for a load that another look-up had begun.")
  }

  @Test func whatTheProgramRemovesAtOnceIsToBeRemoved() {
    let cache = Cache(name: "emptied", limit: .entries(10_000))
    use(cache, 30_000, keys: 1000) { cache.remove($0) }
    expect(
      cache.verdict, .remove, "30,000 entries were removed by the program, most of them before",
      "Without that, and with room for it, up to")
  }

  /// A cache that pays for its few hits, since loads are slow, could hit nearly always: not its size is at fault.
  @Test(arguments: [5, 100]) func removingAllAgainAndAgainIsTold(every: Int) {
    let cache = Cache(name: "emptied", limit: .entries(10_000))
    var random = Generator(state: 8)
    for step in 0..<100_000 {
      let key = Int.random(in: 0..<50, using: &random)
      if cache.get(key) == nil { cache.set(key, for: key) }
      if step % every == 0 { cache.removeAll() }
    }
    let verdict = cache.verdict(cache.statistics, loadTime: .milliseconds(1))
    expect(
      verdict, .keep, "entries were removed by the program, by removeAll: more memory would not help.",
      "Without that, and with room for it, up to 100.0 % would hit.")
  }

  @Test func aLimitBelowEachValueIsToBeRaised() {
    let cache = LocalCache<Int, [Int]>(name: "refusing", limit: .bytes(.bytes(2000)))
    for access in 0..<10_000 where cache.get(access % 100) == nil {
      cache.set(Array(repeating: access, count: 500), for: access % 100)
    }
    let verdict = cache.verdict(cache.statistics, loadTime: .milliseconds(1))
    expect(verdict, .enlarge, "10,000 values were refused")
  }

  /// Each key comes again after twice the lifetime, and there is room for all.
  @Test func lifetimesThatAreTooShortAreTold() {
    let clock = ManualClock()
    var configuration = Cache.Configuration()
    configuration.clock = clock
    configuration.expiry = CacheExpiry(afterWrite: .seconds(5))
    let cache = Cache(name: "short", limit: .entries(20_000), configuration: configuration)
    use(cache, 60_000, keys: 10_000) { _ in clock.advance(by: .milliseconds(1)) }
    expect(cache.verdict, .lengthenLifetime, "lengthen lifetime: 0.0 % of 60,000", "none had to make room")
  }

  /// A cache that pays, and whose misses are of entries that were over, is told so, and not to grow.
  @Test func expiryIsNamedWhereItIsTheReasonOfMisses() {
    let clock = ManualClock()
    var configuration = Cache.Configuration()
    configuration.clock = clock
    configuration.expiry = CacheExpiry(afterWrite: .seconds(5))
    let cache = Cache(name: "half", limit: .entries(20_000), configuration: configuration)
    use(cache, 100_000, keys: 2000) { _ in clock.advance(by: .milliseconds(1)) }
    let verdict = cache.verdict(cache.statistics, loadTime: .milliseconds(1))
    expect(verdict, .keep, "more memory would not help")
  }

  @Test func withoutStatisticsNothingIsSaidOfSizes() {
    var configuration = Cache.Configuration()
    configuration.isObserved = false
    let cache = Cache(name: "unobserved", limit: .entries(3000), configuration: configuration)
    use(cache, 50_000, keys: 2000)
    let verdict = cache.verdict
    expect(verdict, .keep, "Statistics are off")
    #expect(verdict.smallerSize == nil && verdict.largerSize == nil && verdict.recentHitRatio == nil)
    #expect(verdict.repeatRatio == verdict.hitRatio)
  }

  /// A night of keys that never repeat: the cache is not to be removed or shrunk for that, but it is said.
  @Test func whatHitsNoMoreIsSaid() async throws {
    let cache = Cache(name: "changed", limit: .entries(4000))
    use(cache, 600_000, keys: 3000)
    var verdict = cache.verdict
    // A log is written once a second at most, and most of a cache in full use goes by beside it.
    for round in 0..<8 {
      for key in round * 60_000..<(round + 1) * 60_000 where cache.get(key + 1_000_000) == nil {
        cache.set(key, for: key + 1_000_000)
      }
      verdict = cache.verdict(cache.statistics, loadTime: .milliseconds(1))
      if let recent = verdict.recentHitRatio, recent < 0.3 { break }
      try await Task.sleep(for: .milliseconds(1100))
    }
    let recent = try #require(verdict.recentHitRatio)
    #expect(recent < 0.3 && verdict.hitRatio > 0.5, "\(verdict)")
    #expect(verdict.advice == .keep && verdict.smallerSize == nil, "\(verdict)")
    let needed = try #require(verdict.neededHitRatio)
    expect(verdict, .keep, "of the last", recent < needed ? "does not pay any more" : "is not what it was")
  }

  /// A write that follows no miss ends no load, and costs without saving anything.
  @Test func writesThatFollowNoMissAreNoLoads() {
    let cache = Cache(name: "written often", limit: .entries(3000))
    for access in 0..<60_000 {
      if access % 10 == 0 { _ = cache.get(access / 10 % 2000) } else { cache.set(access, for: access * 7 % 2000) }
    }
    let verdict = cache.verdict
    #expect(verdict.loadTime == nil && verdict.neededHitRatio == nil, "\(verdict)")
    expect(verdict, .keep, "9.0 times for each look-up")
    let alone = VerdictModel(
      statistics: statistics(hits: 9000, misses: 1000, written: 1000), loadTime: .microseconds(1), growthOfKeys: 1,
      expires: false
    ).verdict()
    let often = VerdictModel(
      statistics: statistics(hits: 9000, misses: 1000, written: 91_000), loadTime: .microseconds(1), growthOfKeys: 1,
      expires: false
    ).verdict()
    #expect((alone.neededHitRatio ?? 1) < 0.2 && (often.neededHitRatio ?? 0) > 0.9, "\(alone) \(often)")
    #expect(alone.advice == .keep && often.advice == .remove)
  }

  /// A few entries that the program removed, or that ended, are no reason.
  @Test func whatHappensToAFewEntriesIsNoReason() {
    var statistics = statistics(hits: 100, misses: 9900, written: 9900)
    statistics.distinctKeys = 5000
    statistics.removed = 1
    let removed = VerdictModel(statistics: statistics, loadTime: .microseconds(1), growthOfKeys: 1, expires: true)
    expect(removed.verdict(), .remove, "That is too little.")
    (statistics.removed, statistics.expired) = (0, 1)
    let expired = VerdictModel(statistics: statistics, loadTime: .microseconds(1), growthOfKeys: 1, expires: true)
    expect(expired.verdict(), .remove, "That is too little.")
    statistics.expired = 9000
    let all = VerdictModel(statistics: statistics, loadTime: .microseconds(1), growthOfKeys: 1, expires: true)
    expect(all.verdict(), .lengthenLifetime, "9,000 entries ended by their lifetime")
  }

  private func statistics(hits: UInt64, misses: UInt64, written: UInt64) -> CacheStatistics {
    var statistics = CacheStatistics()
    (statistics.hits, statistics.misses) = (hits, misses)
    (statistics.insertions, statistics.replaced) = (misses, written - misses)
    (statistics.limit, statistics.weight, statistics.entries) = (.entries(1_000_000), 1000, 1000)
    statistics.distinctKeys = 1000
    return statistics
  }

  @Test(arguments: [
    (Duration.nanoseconds(320), "320 ns"), (.nanoseconds(3300), "3.3 µs"), (.microseconds(52), "52.0 µs"),
    (.microseconds(480), "480 µs"), (.milliseconds(7), "7.0 ms"), (.milliseconds(1500), "1.5 s"),
  ])
  func loadTimesHaveUnits(time: Duration, text: String) {
    let verdict = VerdictModel(
      statistics: statistics(hits: 9000, misses: 1000, written: 1000), loadTime: time, growthOfKeys: 1, expires: false
    ).verdict()
    #expect("\(verdict)".contains("With loads of \(text) the cache pays"), "\(verdict)")
    #expect("\(verdict)".contains("90.0 % of 10,000 look-ups hit."), "\(verdict)")
  }

  @Test func loadsFasterThanALookUpNeverPay() {
    let verdict = VerdictModel(
      statistics: statistics(hits: 9000, misses: 1000, written: 1000), loadTime: .nanoseconds(36), growthOfKeys: 1,
      expires: false
    ).verdict()
    #expect(verdict.advice == .remove && "\(verdict)".contains("no hit ratio pays"), "\(verdict)")
  }

  /// Keys that run out: the more processes share a cache, the less is new to it. True: 79 % and 31 %.
  @Test(arguments: [(100_000, 60_000, 0.55...0.80), (1_000_000, 100_000, 0.09...0.32)])
  func keysThatAreSharedRunOut(keys: Int, count: Int, expected: ClosedRange<Double>) {
    var random = Generator(state: 3)
    var seen: Set<Int> = []
    var records: [AccessSample.Record] = []
    for _ in 0..<count {
      let key = Int.random(in: 0..<keys, using: &random)
      seen.insert(key)
      if key % 16 == 0 { records.append(.init(key: UInt32(key), kind: .loaded, reuse: 0, weight: 1)) }
    }
    let sample = AccessSample(records: records, rate: 1.0 / 16, threshold: 1, isSteady: true, isFull: false)
    let new = Double(seen.count) / Double(count)
    let pooled = 1 - new * (8.0.logarithm * (sample.growthOfKeys - 1)).exponential
    #expect(expected.contains(pooled), "\(pooled)")
  }
}
