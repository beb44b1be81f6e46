import ProcessImage
import TestSupport
import Testing

@testable import HeapGraph

/// Descriptions of caches in a byte array, written as docs/local-cache-layout.md has them.
@Suite struct LocalCacheReaderTests {
  private static let anchor: UInt64 = 0x5500_0000_0000
  private static let blocks: UInt64 = 0x7000_0000_0000
  private static let shards: UInt64 = 0x7100_0000_0000
  private static let stride = 256
  private static let shardCount = 4

  private struct Layout {
    var anchor = [UInt8](repeating: 0, count: 24)
    var blocks: [UInt8] = []
    var shards: [UInt8] = []

    var memory: ByteMemory {
      var memory = ByteMemory()
      memory.add(anchor, at: LocalCacheReaderTests.anchor)
      memory.add(blocks, at: LocalCacheReaderTests.blocks)
      memory.add(shards, at: LocalCacheReaderTests.shards)
      return memory
    }
  }

  private static func put<T: FixedWidthInteger>(_ value: T, _ bytes: inout [UInt8], _ offset: Int) {
    withUnsafeBytes(of: value.littleEndian) { source in
      for (index, byte) in source.enumerated() { bytes[offset + index] = byte }
    }
  }

  private static func block(_ index: Int, of count: Int) -> UInt64 { index < count ? blocks + UInt64(index * 320) : 0 }

  /// Caches "cache 0", "cache 1", …; shard s of cache c has 10 c + s hits, and so on.
  private func layout(_ count: Int) -> Layout {
    var layout = Layout()
    layout.anchor.replaceSubrange(0..<8, with: "LCANCHOR".utf8)
    Self.put(UInt32(1), &layout.anchor, 8)
    Self.put(Self.block(0, of: count), &layout.anchor, 16)
    for cache in 0..<count {
      var block = [UInt8](repeating: 0, count: 320)
      block.replaceSubrange(0..<8, with: "LCACHE01".utf8)
      Self.put(UInt32(1), &block, 8)
      Self.put(UInt32(320), &block, 12)
      Self.put(Self.block(cache + 1, of: count), &block, 16)
      Self.put(UInt32(cache % 3), &block, 32)
      for (index, value) in [1000, 400, 30, 600, 50, 5_000_000].enumerated() {
        Self.put(UInt64(value), &block, 40 + 8 * index)
      }
      Self.put(UInt32(3), &block, 88)
      Self.put((0.25).bitPattern, &block, 96)
      Self.put(Double.nan.bitPattern, &block, 104)
      Self.put(UInt64(500), &block, 112)
      Self.put(UInt64(77), &block, 120)
      Self.put(Self.shards + UInt64(cache * Self.shardCount * Self.stride), &block, 128)
      Self.put(UInt32(Self.shardCount), &block, 136)
      Self.put(UInt32(Self.stride), &block, 140)
      for index in 0..<6 { Self.put(UInt32(40 + 8 * index), &block, 144 + 4 * index) }
      Self.put(UInt64(1000), &block, 168)
      let name = Array("cache \(cache)".utf8)
      Self.put(UInt32(name.count), &block, 188)
      block.replaceSubrange(192..<192 + name.count, with: name)
      layout.blocks += block
      for shard in 0..<Self.shardCount {
        var bytes = [UInt8](repeating: 0, count: Self.stride)
        for index in 0..<5 { Self.put(UInt64(10 * cache + shard + index), &bytes, 40 + 8 * index) }
        // A 32-bit number with something else behind it.
        Self.put(UInt32(7), &bytes, 80)
        Self.put(UInt32.max, &bytes, 84)
        layout.shards += bytes
      }
    }
    return layout
  }

  private func read(_ layout: Layout, anchor: UInt64? = anchor, candidates: [UInt64] = []) throws
    -> LocalCacheReader.Found
  {
    var reader = LocalCacheReader(layout.memory)
    return try reader.read(anchor: anchor, candidates: candidates)
  }

  @Test func whatTheBlocksSay() throws {
    let found = try read(layout(3))
    #expect(found.caches.map(\.name) == ["cache 0", "cache 1", "cache 2"] && found.damaged == 0)
    #expect(found.caches.map(\.unit) == [.bytes, .entries, .weight])
    let cache = try #require(found.caches.last)
    #expect(cache.hits == 86 && cache.misses == 90 && cache.insertions == 94)
    #expect(cache.evictions == 98 && cache.expired == 102 && cache.entries == 28)
    #expect(cache.limit == 1000 && cache.hitRatio == 86.0 / 176)
    let published = try #require(cache.published)
    #expect(published.weight == 400 && published.entries == 30 && published.distinctKeys == 600)
    #expect(published.loadNanoseconds == 100_000 && published.advice == .shrink && published.smallerSize == 500)
    #expect(published.hitRatio == 0.25 && published.neededHitRatio == nil && published.time == 77)
    #expect(published.repeatRatio == 0.4)
    #expect(found.byShards[Self.shards + UInt64(2 * Self.shardCount * Self.stride)] == 2)
  }

  /// Look-ups that were counted beside the shards.
  @Test func readersCells() throws {
    var layout = layout(1)
    let cells: UInt64 = 0x7200_0000_0000
    Self.put(cells, &layout.blocks, 176)
    Self.put(UInt32(2), &layout.blocks, 184)
    var bytes = [UInt8](repeating: 0, count: 256)
    for cell in 0..<2 {
      Self.put(UInt64(1000 + cell), &bytes, cell * 128 + 16)
      Self.put(UInt64(200 + cell), &bytes, cell * 128 + 24)
    }
    var memory = layout.memory
    memory.add(bytes, at: cells)
    var reader = LocalCacheReader(memory)
    let cache = try #require(try reader.read(anchor: Self.anchor, candidates: []).caches.first)
    #expect(cache.hits == 6 + 2001 && cache.misses == 10 + 401)
    // Cells that are not there: the shards still count.
    #expect(try read(layout).caches.first?.hits == 6)
  }

  @Test func byMagicAlone() throws {
    let addresses = (0..<3).map { Self.block($0, of: 3) }
    let found = try read(layout(3), anchor: nil, candidates: addresses)
    #expect(found.caches.count == 3)
    // Both ways together count each once.
    #expect(try read(layout(3), candidates: addresses).caches.count == 3)
  }

  @Test func listsThatDoNotEnd() throws {
    var layout = layout(3)
    Self.put(Self.block(0, of: 3), &layout.blocks, 2 * 320 + 16)
    #expect(try read(layout).caches.count == 3)
    // The middle one is being torn down: those behind it are found by their magic.
    Self.put(UInt64(0), &layout.blocks, 320)
    #expect(try read(layout).caches.map(\.name) == ["cache 0"])
    let candidates = [Self.block(2, of: 3)]
    #expect(try read(layout, candidates: candidates).caches.map(\.name) == ["cache 0", "cache 2"])
  }

  /// Each of these makes the block contradict itself.
  @Test(arguments: [
    (8, UInt32(0)), (12, 64), (32, 3), (136, 0), (136, .max), (140, 4), (140, .max), (144, 256), (144, 42), (164, 254),
    (188, 129), (128, 1), (132, .max),
  ])
  func contradictions(offset: Int, value: UInt32) throws {
    var layout = layout(1)
    Self.put(value, &layout.blocks, offset)
    let found = try read(layout)
    #expect(found.caches.isEmpty && found.damaged == 1)
  }

  @Test func laterVersionsAndUnknownAdvice() throws {
    var layout = layout(1)
    Self.put(UInt32(2), &layout.blocks, 8)
    Self.put(UInt32(400), &layout.blocks, 12)
    Self.put(UInt32(17), &layout.blocks, 88)
    Self.put(UInt64(0), &layout.blocks, 168)
    let cache = try #require(try read(layout).caches.first)
    #expect(cache.published?.advice == .unknown && cache.published?.repeatRatio == nil)
  }

  /// Fields behind the name, which older blocks do not have: theirs end where another block begins.
  @Test func appendedFields() throws {
    let older = try #require(try read(layout(2)).caches.first?.published)
    #expect(older.largerSize == nil && older.recentHitRatio == nil && older.joinedLoads == nil && older.refused == nil)
    var layout = layout(1)
    layout.blocks += [UInt8](repeating: 0, count: 64)
    Self.put(UInt32(384), &layout.blocks, 12)
    // Of its 50 loads it says that they took longer: the program loads too.
    Self.put(UInt32(7), &layout.blocks, 88)
    Self.put(UInt64(4000), &layout.blocks, 320)
    Self.put((0.75).bitPattern, &layout.blocks, 328)
    Self.put(UInt64(52_000), &layout.blocks, 336)
    for (place, count) in [(344, 40), (352, 5), (360, 6), (368, 7)] { Self.put(UInt64(count), &layout.blocks, place) }
    let published = try #require(try read(layout).caches.first?.published)
    #expect(published.joinedLoads == 40 && published.failedLoads == 5)
    #expect(published.removed == 6 && published.refused == 7)
    #expect(published.advice == .lengthenLifetime && published.largerSize == 4000)
    #expect(published.recentHitRatio == 0.75 && published.loadNanoseconds == 52_000)
    // Says to be longer than the memory there is.
    layout.blocks.removeLast(64)
    #expect(try read(layout).caches.first?.published?.largerSize == nil)
  }

  /// Whatever is damaged: no trap, bounded work, no numbers that are none.
  @Test func damagedBytes() throws {
    let whole = layout(8)
    var outcomes: Set<Int> = []
    let rounds = try Mutation.rounds(20_000, seconds: 5) { generator in
      var layout = whole
      layout.blocks = Mutation.damaged(whole.blocks, hot: [8..<192], using: &generator)
      layout.shards = Mutation.damaged(whole.shards, using: &generator)
      if Int.random(in: 0..<4, using: &generator) == 0 {
        layout.anchor = Mutation.damaged(whole.anchor, using: &generator)
      }
      let found = try read(layout, candidates: (0..<8).map { Self.block($0, of: 8) })
      #expect(found.caches.count + found.damaged <= 9)
      for cache in found.caches {
        #expect((cache.hitRatio ?? 0) >= 0 && (cache.hitRatio ?? 0) <= 1)
        for ratio in [cache.published?.hitRatio, cache.published?.repeatRatio, cache.published?.neededHitRatio] {
          #expect((ratio ?? 0) >= 0 && (ratio ?? 0) <= 1)
        }
      }
      outcomes.insert(found.caches.count)
    }
    // The damage did reach the reader.
    #expect(rounds >= 2000 && outcomes.count > 3, "\(rounds) \(outcomes)")
  }
}
