import LocalCache
import Testing

@Suite struct ExpiryTests {
  private func cache(
    _ clock: ManualClock, _ expiry: CacheExpiry
  ) -> LocalCache<Int, Int> {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry = expiry
    return LocalCache(name: "expiry", limit: .entries(100_000), configuration: configuration)
  }

  @Test func useProlongsUpToTheLifetimeFromWriting() {
    let clock = ManualClock()
    let cache = cache(clock, CacheExpiry(afterWrite: .seconds(100), afterAccess: .seconds(10)))
    cache.set(1, for: 1)
    for _ in 0..<11 {
      #expect(cache.get(1) == 1)
      clock.advance(by: .seconds(9))
    }
    #expect(cache.get(1) == 1)
    clock.advance(by: .seconds(2))
    #expect(cache.get(1) == nil)
    cache.set(2, for: 1)
    clock.advance(by: .seconds(11))
    #expect(!cache.contains(1))
  }

  /// Seven days in which entries of many lifetimes come and go: what is over is gone from memory, what is not stays.
  @Test func overAWeekOnlyWhatIsOverGoes() {
    let clock = ManualClock()
    let cache = cache(clock, CacheExpiry(afterWrite: .seconds(86_400)))
    var random = Generator(state: 3)
    var ends: [Int: Duration] = [:]
    var now = Duration.zero
    for minute in 0..<7 * 24 * 60 {
      for offset in 0..<3 {
        let key = minute * 3 + offset
        let lifetime = Duration.seconds(Int.random(in: 1...200_000, using: &random))
        cache.set(key, for: key, lifetime: lifetime)
        ends[key] = now + lifetime
      }
      clock.advance(by: .seconds(60))
      now += .seconds(60)
      if minute % 97 == 0 {
        cache.removeExpired()
        ends = ends.filter { $0.value > now - .seconds(2) }
        let living = ends.filter { $0.value > now }.count
        #expect(cache.count >= living && cache.count <= ends.count)
      }
    }
    #expect(cache.statistics.expired > 10_000)
    clock.advance(by: .seconds(3_000_000))
    cache.removeExpired()
    #expect(cache.count == 0)
  }

  /// What is written after a clock went back is looked for by that clock.
  @Test func clocksThatGoBackFar() {
    let clock = ManualClock()
    let cache = cache(clock, CacheExpiry(afterWrite: .seconds(80)))
    clock.advance(by: .seconds(1_700_000))
    cache.set(1, for: 1)
    cache.removeExpired()
    clock.advance(by: .seconds(-700_000))
    cache.set(2, for: 2)
    clock.advance(by: .seconds(70))
    cache.removeExpired()
    #expect(cache.count == 2)
    clock.advance(by: .seconds(20))
    cache.removeExpired()
    #expect(cache.count == 1)
    #expect(cache.get(2) == nil)
    #expect(cache.get(1) == 1)
  }

  @Test func clocksThatJump() {
    let clock = ManualClock()
    let cache = cache(clock, CacheExpiry(afterWrite: .seconds(3600)))
    clock.advance(by: .seconds(100_000))
    cache.set(1, for: 1)
    clock.advance(by: .seconds(-200_000))
    #expect(cache.get(1) == 1)
    cache.set(2, for: 2)
    clock.advance(by: .seconds(400 * 86_400))
    #expect(cache.get(1) == nil)
    #expect(cache.get(2) == nil)
    cache.removeExpired()
    #expect(cache.count == 0)
    cache.set(3, for: 3)
    clock.advance(by: .seconds(3000))
    #expect(cache.get(3) == 3)
    clock.advance(by: .seconds(1000))
    #expect(cache.get(3) == nil)
  }

  @Test func jitterEndsEarlierOnly() {
    let clock = ManualClock()
    let cache = cache(clock, CacheExpiry(afterWrite: .seconds(1000), jitter: 0.5))
    for key in 0..<2000 { cache.set(key, for: key) }
    clock.advance(by: .seconds(499))
    #expect((0..<2000).allSatisfy { cache.contains($0) })
    clock.advance(by: .seconds(251))
    let half = (0..<2000).filter { cache.contains($0) }.count
    #expect(half > 800 && half < 1200)
    clock.advance(by: .seconds(251))
    #expect((0..<2000).allSatisfy { !cache.contains($0) })
  }

  /// A cache that keeps no lifetimes does not take an entry that has one: it would live for ever.
  @Test func lifetimesOfEntries() {
    let without = LocalCache<Int, Int>(name: "without", limit: .entries(10))
    without.set(1, for: 1)
    #expect(!without.set(2, for: 1, lifetime: .seconds(1)))
    #expect(without.get(1) == nil && without.statistics.refused == 1 && without.count == 0)
    #expect(!without.set(2, for: 1, lifetime: .seconds(1)) && without.statistics.refused == 2)

    let clock = ManualClock()
    let with = cache(clock, CacheExpiry(perEntry: true))
    #expect(with.set(1, for: 1) && with.set(2, for: 2, lifetime: .seconds(5)))
    clock.advance(by: .seconds(6))
    #expect(with.get(1) == 1 && with.get(2) == nil)
  }

  /// All at once, in more than one slice for each shard, and with some that were prolonged meanwhile.
  /// Times are counted in ticks, rounded down; nothing ends earlier for that after a use, however short a life is.
  @Test func livesOfATickLastAsLongAsTheyShould() {
    let clock = ManualClock()
    let cache = cache(clock, CacheExpiry(afterAccess: .milliseconds(1)))
    var random = Generator(state: 8)
    var early = 0
    for step in 0..<2000 {
      clock.advance(by: .microseconds(Int.random(in: 0...5000, using: &random)))
      cache.set(step, for: 1)
      for _ in 0..<3 {
        clock.advance(by: .microseconds(Int.random(in: 0...990, using: &random)))
        if cache.get(1) != step { early += 1 }
      }
    }
    #expect(early == 0)
  }

  /// Ages are known as far as anything depends on them.
  @Test func valuesThatAreRefreshedAfterAMonthGetThatOld() throws {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.shards = 1
    configuration.loading.refreshAfter = .seconds(30 * 86_400)
    let cache = LocalCache<Int, Int>(name: "month", limit: .entries(100), configuration: configuration)
    cache.set(1, for: 1)
    for day in 1...200 {
      clock.advance(by: .seconds(86_400))
      cache.set(day, for: 2)
      #expect(try #require(cache.age(of: 1)) > .seconds(min(day, 31) * 86_400 - 10), "\(day)")
    }
  }

  /// Until somebody removes it, what is over is there and is nothing: neither pinned nor of any age.
  @Test(arguments: [CacheExpiry(afterWrite: .seconds(10)), CacheExpiry(afterAccess: .seconds(10))])
  func whatIsOverIsNothing(expiry: CacheExpiry) {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry = expiry
    let cache = LocalCache<Int, Int>(name: "over", limit: .entries(100), configuration: configuration)
    cache.set(1, for: 1)
    #expect(cache.pin(1) && cache.unpin(1) && cache.age(of: 1) != nil)
    clock.advance(by: .seconds(11))
    #expect(cache.count == 1 && !cache.contains(1))
    #expect(!cache.pin(1) && !cache.unpin(1) && cache.age(of: 1) == nil)
  }

  @Test func manyThatEndTogether() {
    let clock = ManualClock()
    let cache = cache(clock, CacheExpiry(afterAccess: .seconds(100)))
    for key in 0..<20_000 { cache.set(key, for: key) }
    clock.advance(by: .seconds(60))
    for key in 0..<20_000 where key % 4 == 0 { #expect(cache.get(key) == key) }
    clock.advance(by: .seconds(60))
    cache.removeExpired()
    #expect(cache.count == 5000 && cache.statistics.expired == 15_000)
    // A write takes a few of what is over along; the rest goes with later ones.
    clock.advance(by: .seconds(100))
    // Four groups or so each: enough of them for every shard, however the keys fall.
    for key in 30_000..<31_500 { cache.set(key, for: key) }
    #expect(cache.count == 1500, "\(cache.count)")
    clock.advance(by: .seconds(1000))
    cache.removeExpired()
    #expect(cache.count == 0)
  }
}
