import Testing

@testable import LocalCache

@Suite struct OutsideTests {
  typealias Field = CacheBlock.Field

  @Test func everyCacheIsFoundWithItsCounters() throws {
    #expect(withUnsafeBytes(of: localCacheAnchor.magic) { String(decoding: $0, as: UTF8.self) } == "LCANCHOR")
    #expect(withUnsafeBytes(of: CacheBlock.magic) { String(decoding: $0, as: UTF8.self) } == "LCACHE01")
    let cache = LocalCache<Int, Int>(name: "seen from outside", limit: .entries(100_000))
    for key in 0..<5000 { cache.set(key, for: key) }
    for key in 0..<8000 { _ = cache.get(key) }
    cache.publish()
    let block = cache.block.address
    let address = try #require(UnsafeRawPointer(bitPattern: block))
    let shards = try #require(UnsafeRawPointer(bitPattern: address.load(fromByteOffset: Field.shards, as: UInt.self)))
    func sum<Number: BinaryInteger & BitwiseCopyable>(_ field: Int, _ type: Number.Type) -> Int {
      let offset = Int(address.load(fromByteOffset: field, as: UInt32.self))
      let stride = Int(address.load(fromByteOffset: Field.shardStride, as: UInt32.self))
      return (0..<Int(address.load(fromByteOffset: Field.shardCount, as: UInt32.self))).reduce(0) {
        $0 + Int(shards.load(fromByteOffset: $1 * stride + offset, as: Number.self))
      }
    }
    let cells = try #require(UnsafeRawPointer(bitPattern: address.load(fromByteOffset: Field.cells, as: UInt.self)))
    func sumOfCells(_ offset: Int) -> Int {
      (0..<Int(address.load(fromByteOffset: Field.cellCount, as: UInt32.self))).reduce(0) {
        $0 + Int(cells.load(fromByteOffset: $1 * 128 + offset, as: UInt64.self))
      }
    }
    #expect(sum(Field.hitsOffset, UInt64.self) + sumOfCells(16) == 5000)
    #expect(sum(Field.missesOffset, UInt64.self) + sumOfCells(24) == 3000)
    // Threads beyond those that have cells, of which tests may start many at once, read under the locks.
    if cache.cells.own != nil {
      #expect(sumOfCells(16) > 0, "after some hundred reads the shards are open to readers")
    }
    #expect(sum(Field.insertionsOffset, UInt64.self) == 5000)
    #expect(sum(Field.entriesOffset, UInt32.self) == 5000)
    #expect(address.load(fromByteOffset: Field.entries, as: UInt64.self) == 5000)
    #expect(address.load(fromByteOffset: Field.hitRatio, as: Double.self) == 0.625)
  }

  /// A verdict that follows from these would make no sense to a reader who does not know them.
  @Test func whatTheVerdictFollowsFromIsDescribed() async throws {
    let cache = LocalCache<Int, [Int]>(name: "described", limit: .bytes(.bytes(2000)))
    let (gate, open) = AsyncStream<Void>.makeStream()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<5 {
        group.addTask {
          _ = try? await cache.value(for: 1) { _ in
            for await _ in gate { break }
            return []
          }
        }
      }
      await until { cache.statistics.joinedLoads == 4 }
      open.yield()
    }
    for key in 2..<5 { _ = try? await cache.value(for: key) { _ in throw CancellationError() } }
    for key in 5..<7 { cache.set(Array(repeating: 0, count: 500), for: key) }
    cache.remove(1)
    cache.publish()
    let block = try #require(UnsafeRawPointer(bitPattern: cache.block.address))
    func count(_ field: Int) -> UInt64 { block.load(fromByteOffset: field, as: UInt64.self) }
    #expect(count(Field.joinedLoads) == 4 && count(Field.failedLoads) == 3)
    #expect(count(Field.removed) == 1 && count(Field.refused) == 2)
  }

  /// The first verdict waits: it would have nothing to go by, and take memory and a processor from whoever fills the cache.
  @Test func whatIsNotDueAtOnceWaitsForItsFirstPause() {
    let atOnce = RateLimit(seconds: 4000, first: 2000)
    #expect(atOnce.isDue && atOnce.begin() && !atOnce.isDue && !atOnce.begin())
    let later = RateLimit(seconds: 4000, first: 2000, isDueAtOnce: false)
    #expect(!later.isDue && !later.begin())
    let cache = LocalCache<Int, Int>(name: "young", limit: .entries(100))
    #expect(
      UnsafeRawPointer(bitPattern: cache.block.address)?.load(fromByteOffset: Field.hitRatio, as: Double.self).isNaN
        == true)
  }

  /// A reader outside that stops the process while a cache is let go finds it whole or not at all.
  @Test func aCacheThatGoesIsNotDescribedAnyMore() throws {
    final class Value: Sendable {
      let ends: @Sendable () -> Void
      init(ends: @escaping @Sendable () -> Void) { self.ends = ends }
      deinit { ends() }
    }
    let magic = Locked<[UInt64]>([])
    var cache: LocalCache<Int, Value>? = LocalCache(name: "going", limit: .entries(10))
    let block = try #require(cache?.block.address)
    let look: @Sendable () -> Void = {
      guard let block = UnsafeRawPointer(bitPattern: block) else { return }
      magic.with { $0.append(block.load(as: UInt64.self)) }
    }
    look()
    cache?.set(Value(ends: look), for: 1)
    cache = nil
    #expect(magic.current == [CacheBlock.magic, 0])
  }

  @Test func longNamesAreCutAtACharacter() throws {
    let block = CacheBlock(name: String(repeating: "ä", count: 100))
    let address = try #require(UnsafeRawPointer(bitPattern: block.address))
    #expect(address.load(fromByteOffset: Field.nameLength, as: UInt32.self) == 128)
    withExtendedLifetime(block) {}
  }
}
