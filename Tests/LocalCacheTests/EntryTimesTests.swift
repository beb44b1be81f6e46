import Testing

@testable import LocalCache

/// Where every entry ends some time after it was written, one word and 16 bits stand for both times, also where accesses move the end.
@Suite struct EntryTimesTests {
  @Test func lifetimeTakesSixteenBits() {
    var random = Generator(state: 3)
    var lifetimes: [UInt32] = [1, 2047, 2048, 4095, 4096, .max / 4, .max - 1, .max]
    lifetimes += (0..<20_000).map { _ in
      UInt32.random(in: 1...(.max >> UInt32.random(in: 0...31, using: &random)), using: &random)
    }
    for lifetime in lifetimes {
      let short = ShortLifetime(ticks: lifetime)
      let kept = short.ticks
      #expect(short.code != 0, "0 stands for the usual lifetime")
      #expect(kept <= lifetime && lifetime - kept <= lifetime / 2048, "\(lifetime)")
      #expect(ShortLifetime(ticks: kept).code == short.code)
    }
  }

  @Test func expiryAfterWritingNeedsNoRoom() {
    #expect(EntryTable<Int, Int>.stride(.deadline) == EntryTable<Int, Int>.stride(.written))
    #expect(EntryTable<Int, Int>.stride(.sliding) == EntryTable<Int, Int>.stride(.written))
    #expect(EntryTable<Int, Int>.stride(.both) == EntryTable<Int, Int>.stride(.written) + 8)
    #expect(EntryTable<UInt32, UInt8>.stride(.deadline) == 16)
  }

  @Test func timesThatAreKept() {
    func times(_ expiry: CacheExpiry, lifetime: Duration? = nil, refreshAfter: Duration? = nil) -> EntryTimes {
      var configuration = LocalCache<Int, Int>.Configuration()
      configuration.loading.refreshAfter = refreshAfter
      configuration.expiry = expiry
      if let lifetime { configuration.lifetime = { _, _ in lifetime } }
      return configuration.entryTimes
    }
    #expect(times(CacheExpiry()) == .written)
    #expect(times(CacheExpiry(afterWrite: .seconds(1))) == .deadline)
    #expect(times(CacheExpiry(afterWrite: .seconds(1), perEntry: true), lifetime: .seconds(2)) == .deadline)
    #expect(times(CacheExpiry(afterWrite: .seconds(1), afterAccess: .seconds(1))) == .sliding)
    #expect(
      times(CacheExpiry(afterWrite: .seconds(1000), afterAccess: .seconds(1)), refreshAfter: .seconds(900)) == .sliding)
    // 16 bits of the lifetime are too few for that age.
    #expect(
      times(CacheExpiry(afterWrite: .seconds(1000), afterAccess: .seconds(1)), refreshAfter: .seconds(9)) == .both)
    #expect(times(CacheExpiry(afterAccess: .seconds(1))) == .both)
    // Some of these never end, and then no time of writing follows from the end.
    #expect(times(CacheExpiry(perEntry: true)) == .both)
    #expect(times(CacheExpiry(), lifetime: .seconds(1)) == .both)
  }

  /// A time of writing is known to a step, and never too early, wherever within the lifetime the end lies.
  @Test func timeOfWritingTakesSixteenBits() {
    var random = Generator(state: 4)
    for _ in 0..<20_000 {
      let lifetime = UInt32.random(in: 1...((.max / 4) >> UInt32.random(in: 0...29, using: &random)), using: &random)
      let shift = WriteStamp.shift(for: lifetime)
      #expect(lifetime >> shift < 1 << 15 && (shift == 0 || lifetime >> shift >= 1 << 14))
      let time = UInt32.random(in: 0...(.max / 2), using: &random)
      let stamp = WriteStamp(time: time, shift: shift)
      for end in [time, time + 1, time + lifetime / 2, time + lifetime, time + lifetime + 2] {
        let known = stamp.time(before: end, shift: shift)
        #expect(known >= Int64(time) && known < Int64(time) + 1 << Int64(shift), "\(time), \(lifetime), \(end)")
      }
    }
  }

  /// Ages and ends, with jitter and lifetimes of their own, through replacements, evictions and the moment at which ticks are counted anew.
  @Test(arguments: [0, 0.25, 1], [nil, .seconds(30), .seconds(95)] as [Duration?])
  func agesFollowFromEnds(jitter: Double, afterAccess: Duration?) throws {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry = CacheExpiry(afterWrite: .seconds(100), afterAccess: afterAccess, jitter: jitter)
    configuration.shards = 1
    let cache = LocalCache<Int, Int>(name: "ages", limit: .entries(300), configuration: configuration)
    clock.advance(by: .milliseconds(2_251_799_813 - 150_000))
    var random = Generator(state: 5)
    var life: [Int: (written: Int, own: Int?)] = [:]
    var known = 0
    for second in 0..<400 {
      for _ in 0..<8 {
        let key = Int.random(in: 0..<500, using: &random)
        let own = Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 1...1000, using: &random) : nil
        cache.set(second, for: key, lifetime: own.map { .seconds($0) })
        life[key] = (second, own)
      }
      for (key, life) in life {
        guard let value = cache.get(key) else { continue }
        #expect(value == life.written)
        let age = try #require(cache.age(of: key))
        let passed = Duration.seconds(second - life.written)
        // Two ticks, and a 2,048th of a lifetime of its own, or a 16,384th of the usual one.
        let tolerance = Duration.milliseconds(3 + (life.own ?? 0) * 1000 / 2048 + 100_000 / 16_384)
        #expect(age > passed - tolerance && age < passed + tolerance, "\(key): \(age), \(passed)")
        #expect(second - life.written <= life.own ?? 100)
        known += 1
      }
      clock.advance(by: .seconds(1))
    }
    #expect(known > 10_000)
    #expect(cache.statistics.evicted > 0 && cache.statistics.expired > 0)
  }

  /// A refresh that fails again and again does not move the end further each time.
  @Test(arguments: [nil, .seconds(99)] as [Duration?])
  func graceIsCountedFromTheWriting(afterAccess: Duration?) throws {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry = CacheExpiry(afterWrite: .seconds(100), afterAccess: afterAccess, jitter: 0.5)
    configuration.shards = 1
    let cache = LocalCache<Int, Int>(name: "grace", limit: .entries(10), configuration: configuration)
    cache.set(1, for: 1)
    let shard = cache.shard(at: 0)
    let id = shard.pointee.find(1, hash: LocalCache<Int, Int>.high(cache.hash(1)))
    for _ in 0..<50 {
      shard.pointee.expiry.prolong(
        id, age: UInt64(cache.time.ticks(.seconds(130))), table: shard.pointee.lifetimes)
    }
    clock.advance(by: .seconds(129))
    #expect(cache.contains(1))
    let age = try #require(cache.age(of: 1))
    #expect(age > .milliseconds(128_900) && age < .milliseconds(129_100))
    clock.advance(by: .seconds(2))
    #expect(!cache.contains(1))
  }
}
