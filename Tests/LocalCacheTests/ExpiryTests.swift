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
  @Test func aWeek() {
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
}
