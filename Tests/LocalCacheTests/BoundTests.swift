import Testing

@testable import LocalCache

@Suite struct BoundTests {
  @Test(arguments: [1, 2, 7, 100, 5000])
  func entriesAreNeverExceeded(limit: Int) {
    let cache = LocalCache<Int, Int>(name: "entries", limit: .entries(limit))
    for key in 0..<limit * 3 + 50 {
      #expect(cache.set(key, for: key))
      #expect(cache.count <= limit)
    }
    #expect(cache.count >= limit * 9 / 10)
  }

  @Test(arguments: [0, -1, Int.min])
  func withoutRoomNothingIsStored(limit: Int) {
    for limit in [CacheLimit.entries(limit), .bytes(ByteSize(limit)), .weight(limit)] {
      let cache = LocalCache<Int, Int>(name: "none", limit: limit)
      #expect(!cache.set(1, for: 1))
      #expect(cache.get(1) == nil)
      #expect(cache.statistics.refused == 1)
    }
  }

  /// A value that takes its predecessor's place is no insertion, also where others have to go for it.
  @Test func aLargerValueIsNoInsertion() {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.weigher = { _, value in value }
    configuration.shards = 1
    let cache = LocalCache<Int, Int>(name: "growing", limit: .weight(100), configuration: configuration)
    for key in 0..<10 { cache.set(10, for: key) }
    cache.set(60, for: 0)
    let statistics = cache.statistics
    #expect(statistics.replaced == 1 && statistics.evicted >= 5 && statistics.insertions == 10)
    #expect(cache.count == Int(statistics.insertions - statistics.evicted))
  }

  /// A limit below what is pinned: nothing else is taken in until enough of that is gone, in whatever shards it lies.
  @Test func aLimitBelowWhatIsPinned() {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.shards = 8
    let cache = LocalCache<Int, Int>(name: "pinned", limit: .entries(100), configuration: configuration)
    for key in 0..<40 { cache.set(key, for: key, pinned: true) }
    cache.resize(to: .entries(20))
    for key in 0..<40 {
      #expect(cache.count == 40 - key)
      #expect(cache.set(key, for: 100 + key) == (40 - key < 20), "\(key)")
      if key > 20 { #expect(cache.count <= 20) }
      cache.remove(100 + key)
      cache.remove(key)
    }
  }

  /// What a pinned entry takes is free for its successor, also where other shards give their share.
  /// What was pinned beyond a limit that became smaller goes when it may.
  @Test(arguments: [1, 8])
  func whatIsNoLongerPinnedHasToFit(shards: Int) {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.shards = shards
    let cache = LocalCache<Int, Int>(name: "unpinned", limit: .entries(1000), configuration: configuration)
    for key in 0..<100 { cache.set(key, for: key, pinned: true) }
    cache.resize(to: .entries(40))
    #expect(cache.count == 100, "pinned ones stay")
    for key in 0..<100 { #expect(cache.unpin(key) && cache.count == max(99 - key, 40)) }
    cache.resize(to: .entries(0))
    #expect(cache.count == 0)
  }

  /// Beyond a limit that became smaller than what is pinned, a value in place of a pinned one is taken in if it leaves no more than the limit.
  @Test(arguments: [1, 8])
  func aSmallerValueMayTakeThePlaceOfAPinnedOne(shards: Int) {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.shards = shards
    configuration.weigher = { _, value in value }
    let cache = LocalCache<Int, Int>(name: "smaller", limit: .weight(100), configuration: configuration)
    for key in 0..<9 { cache.set(10, for: key, pinned: true) }
    cache.resize(to: .weight(85))
    #expect(cache.weight == 90)
    #expect(!cache.set(6, for: 0) && cache.weight == 80, "no room for it, and the old one is out of date")
    cache.resize(to: .weight(75))
    #expect(cache.set(5, for: 1) && cache.weight == 75)
  }

  @Test func aPinnedEntryMayGrowToTheLimit() {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.weigher = { _, value in value }
    configuration.shards = 4
    let cache = LocalCache<Int, Int>(name: "growing", limit: .weight(100), configuration: configuration)
    #expect(cache.set(10, for: 1, pinned: true) && cache.set(100, for: 1))
    #expect(cache.get(1) == 100 && cache.weight == 100)
  }

  @Test func entryLargerThanAShardsShareIsTakenIn() {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.weigher = { _, value in value }
    configuration.shards = 8
    let cache = LocalCache<Int, Int>(name: "large", limit: .weight(800), configuration: configuration)
    for key in 0..<800 { cache.set(1, for: key) }
    #expect(cache.set(600, for: 10_000))
    #expect(cache.weight <= 800)
    #expect(cache.get(10_000) == 600)
    #expect(!cache.set(801, for: 10_000))
    #expect(cache.get(10_000) == nil, "the old value is out of date")
    for key in 0..<5000 {
      cache.set(1, for: key)
      #expect(cache.weight <= 800)
    }
  }

  /// Numbers of any kind, from a configuration or in the code.
  @Test func sizesAreSaidInAnyNumber() {
    let (megabytes, bytes, many): (Int, Int, UInt8) = (3, 3 << 20, 3)
    let sizes: [ByteSize] = [
      .mebibytes(3), .mebibytes(3.0), .mebibytes(megabytes), .mebibytes(many), .bytes(bytes), .kibibytes(3 << 10),
      .gibibytes(3.0 / 1024),
    ]
    #expect(sizes.allSatisfy { $0.bytes == bytes })
    #expect(CacheLimit.bytes(3 << 20) == .bytes(.mebibytes(3)) && CacheLimit.bytes(bytes) == .bytes(.mebibytes(3)))
    let odd: [ByteSize] = [.gibibytes(Int.max), .gibibytes(UInt64.max), .gibibytes(Double.infinity)]
    #expect(odd.allSatisfy { $0.bytes == .max })
    let none: [ByteSize] = [.mebibytes(-1), .mebibytes(Int.min), .kibibytes(-0.5), .kibibytes(Double.nan)]
    #expect(none.allSatisfy { $0.bytes == 0 })
  }

  @Test func pinnedEntriesStay() {
    let cache = LocalCache<Int, Int>(name: "pinned", limit: .entries(10))
    for key in 0..<5 { cache.set(key, for: key, pinned: true) }
    for key in 100..<1000 { cache.set(key, for: key) }
    for key in 0..<5 { #expect(cache.get(key) == key) }
    #expect(cache.unpin(0))
    for key in 5000..<5006 { #expect(cache.set(key, for: key, pinned: true)) }
    #expect(cache.get(0) == nil)
    #expect(cache.count == 10)
    #expect(!cache.set(1, for: 9999), "all room is pinned")
  }

  @Test func listenerHearsEveryRemovalWithItsCause() {
    let heard = Locked<[RemovalCause: Int]>([:])
    var configuration = LocalCache<Int, Int>.Configuration()
    let clock = ManualClock()
    configuration.clock = clock
    configuration.expiry.afterWrite = .seconds(10)
    configuration.removalListener = { _, _, cause in heard.with { $0[cause, default: 0] += 1 } }
    let cache = LocalCache<Int, Int>(name: "heard", limit: .entries(10), configuration: configuration)
    for key in 0..<15 { cache.set(key, for: key) }
    #expect(heard.current == [.size: 5])
    let present = (0..<15).filter { cache.contains($0) }
    cache.set(1, for: present[0])
    cache.remove(present[1])
    clock.advance(by: .seconds(60))
    cache.removeExpired()
    #expect(heard.current == [.size: 5, .replaced: 1, .explicit: 1, .expired: 9])
    #expect(cache.count == 0)
  }

  @Test func limitCanBeChanged() {
    let cache = LocalCache<Int, Int>(name: "resize", limit: .entries(4000))
    for key in 0..<4000 { cache.set(key, for: key) }
    #expect(cache.resize(to: .entries(100)))
    #expect(cache.count <= 100)
    #expect(cache.resize(to: .entries(2000)))
    for key in 0..<4000 { cache.set(key, for: key) }
    #expect(cache.count <= 2000 && cache.count > 1800)
    #expect(!cache.resize(to: .bytes(100)))
  }

  /// What is too large for the cache leaves nothing behind, and its predecessor was not replaced by anything.
  @Test func aValueThatIsTooLargeIsRefusedAndSoIsItsPredecessor() {
    let heard = Locked<[RemovalCause]>([])
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.weigher = { _, value in value }
    configuration.removalListener = { _, _, cause in heard.with { $0.append(cause) } }
    let cache = LocalCache<Int, Int>(name: "refused", limit: .weight(100), configuration: configuration)
    cache.set(60, for: 1, pinned: true)
    cache.set(30, for: 2)
    #expect(!cache.set(50, for: 2), "the pinned one leaves room for 40")
    #expect(cache.get(2) == nil && cache.get(1) == 60)
    #expect(heard.current == [.refused] && cache.statistics.replaced == 0)
    #expect(cache.set(40, for: 2) && cache.set(35, for: 2))
    #expect(cache.statistics.replaced == 1)
  }

  /// A shard numbers eight million entries.
  @Test func thereAreShardsForAllEntriesOfTheLimit() {
    #expect(SharedBound.shardCount(.entries(8_388_096), wanted: 1) == 1)
    #expect(SharedBound.shardCount(.entries(8_388_097), wanted: 1) == 2)
    #expect(SharedBound.shardCount(.entries(100_000_000), wanted: 4) == 16)
    #expect(SharedBound.shardCount(.entries(1_000_000_000), wanted: nil) >= 128)
    #expect(SharedBound.shardCount(.bytes(.gibibytes(64)), wanted: nil) * 8_388_096 * 48 >= 64 << 30)
    #expect(SharedBound.shardCount(.entries(.max), wanted: nil) == 256)
    #expect(SharedBound.shardCount(.weight(.max), wanted: 1) == 1)
  }

  /// Bytes are counted in steps of 16 whatever the limit.
  @Test func largeLimitsCountAsFinelyAsSmallOnes() {
    let small = LocalCache<Int, [UInt8]>(name: "small", limit: .bytes(.mebibytes(64)))
    let large = LocalCache<Int, [UInt8]>(name: "large", limit: .bytes(ByteSize(1 << 40)))
    for key in 0..<1000 {
      let value = [UInt8](repeating: 1, count: key % 100)
      small.set(value, for: key)
      large.set(value, for: key)
    }
    #expect(abs(small.weight - large.weight) <= small.weight / 50, "\(small.weight) and \(large.weight)")
  }
}
