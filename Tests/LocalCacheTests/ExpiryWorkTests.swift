import Testing

@testable import LocalCache

/// What one call does about entries that are over, and what it leaves to others.
@Suite struct ExpiryWorkTests {
  private final class Value: Sendable {
    private let ended: Locked<Int>
    init(_ ended: Locked<Int>) { self.ended = ended }
    deinit { ended.with { $0 += 1 } }
  }

  /// A look-up ends no value, which might lead to thousands of blocks; whether it reads beside others or under the lock.
  @Test(arguments: [CacheExpiry(afterWrite: .seconds(10)), CacheExpiry(afterAccess: .seconds(10))])
  func lookUpsLeaveWhatIsOver(expiry: CacheExpiry) {
    let (clock, ended, heard) = (ManualClock(), Locked(0), Locked<[RemovalCause]>([]))
    let cache = LocalCache<Int, Value>(name: "over", limit: .entries(100)) {
      $0.clock = clock
      $0.expiry = expiry
      $0.removalListener = { _, _, cause in heard.with { $0.append(cause) } }
    }
    cache.set(Value(ended), for: 1)
    cache.set(Value(ended), for: 2, pinned: true)
    clock.advance(by: .seconds(11))
    for _ in 0..<100 {
      #expect(cache.get(1) == nil && cache.withValue(for: 1) { _ in true } == nil && !cache.contains(2))
    }
    #expect(cache.count == 2 && ended.current == 0 && cache.statistics.misses == 200)
    // Nothing of it is left to who writes.
    #expect(cache.set(Value(ended), for: 1))
    #expect(ended.current == 2 && heard.current == [.expired, .expired])
    #expect(cache.count == 1 && cache.get(1) != nil)
    let statistics = cache.statistics
    #expect(statistics.expired == 2 && statistics.insertions == 3 && statistics.hits == 1)
  }

  /// Where no look is due yet, the entry that is replaced has ended all the same, and with it what it was pinned for.
  @Test func whoReplacesWhatIsOverInsertsANewEntry() {
    let (clock, heard) = (ManualClock(), Locked<[RemovalCause]>([]))
    let cache = LocalCache<Int, Int>(name: "replaced", limit: .entries(1)) {
      $0.clock = clock
      $0.expiry.afterWrite = .seconds(1)
      $0.removalListener = { _, _, cause in heard.with { $0.append(cause) } }
    }
    for number in 1...50 {
      #expect(cache.set(number, for: 1, pinned: number == 1 ? true : nil))
      clock.advance(by: .milliseconds(1010))
    }
    #expect(heard.current == Array(repeating: .expired, count: 49))
    #expect(cache.statistics.insertions == 50)
    #expect(cache.set(1, for: 2) && cache.count == 1, "nothing is pinned any more")
  }

  /// Under the shard's lock malloc is neither asked for lists nor given back tables: who wants the lock would wait for malloc's.
  @Test func memoryIsFreedWithoutTheLock() {
    let (clock, heard) = (ManualClock(), Locked(0))
    let cache = LocalCache<Int, String>(name: "work", limit: .entries(3000)) {
      $0.clock = clock
      $0.shards = 1
      $0.expiry.afterWrite = .seconds(10)
      $0.removalListener = { _, _, _ in heard.with { $0 += 1 } }
    }
    for key in 0..<2000 { cache.set("\(key)", for: key) }
    clock.advance(by: .seconds(100))
    let shard = cache.shard(at: 0)
    let now = cache.time.now
    for limit in [32, 128, 4000] {
      var removals = Removals<Int, String>()
      let most = Shard<Int, String>.mostExpired(limit: limit)
      removals.reserve(most)
      let room = removals.rest?.capacity
      let before = cache.count
      let isMore = cache.locked(shard) {
        $0.pointee.removeExpired(now: now, limit: limit, isThorough: true, &removals)
      }
      let removed = before - cache.count
      #expect(removed > 0 && removed <= most && removed == 1 + (removals.rest?.count ?? 0), "\(removed)")
      #expect(removals.rest?.capacity == room)
      #expect((removals.memory != nil) == (cache.count == 0) && isMore == (cache.count > 0))
      cache.report(removals)
    }
    #expect(cache.count == 0 && heard.current == 2000)
    for key in 0..<3000 { cache.set("\(key)", for: key) }
    #expect((0..<3000).allSatisfy { cache.get($0) == "\($0)" })
  }
}
