import ProcessImage
import Testing

@testable import Malloc

/// Threads that stand inside `malloc` and `free` with chunks in their hands.
@Suite struct InFlightTests {
  /// What a block's last owner left, where a size should be.
  private static let noSize: UInt64 = 0x5a5a_5a5a_5a5a_5a51
  private static let withFastbins = SyntheticVersion.all.filter(\.layout.hasFastbins)

  private func addresses(_ walk: HeapWalk) -> Set<UInt64> {
    Set((0..<walk.blocks.count).map { walk.blocks.address($0) })
  }

  private func blockCount(_ heap: SyntheticGlibc) throws -> Int { try HeapWalk.walk(heap.image).blocks.count }

  private func inFlight(_ heap: SyntheticGlibc) throws -> [UInt64] { try HeapWalk.walk(heap.image).blocksInFlight }

  /// Head and length of the longest fastbin of any arena, and where its head is kept.
  private func longestFastbin(_ heap: SyntheticGlibc) -> (field: UInt64, first: UInt64, count: Int)? {
    var best: (field: UInt64, first: UInt64, count: Int)?
    for (index, arena) in heap.arenas.enumerated() {
      for bin in 0..<UInt64(GlibcLayout.fastbinCount) {
        let field = arena + GlibcLayout.fastbins + bin * 8
        let count = heap.chunks.count { $0.arena == index && $0.state == .fast && $0.size / 16 - 2 == bin }
        if count > best?.count ?? 1 { best = (field, heap.memory.word(field), count) }
      }
    }
    return best
  }

  @Test(arguments: withFastbins)
  func aDetachedFastbinIsFree(version: SyntheticVersion) throws {
    var heap = SyntheticGlibc(version, seed: 0)
    var longest = longestFastbin(heap)
    for seed in 1..<UInt64(64) where longest == nil {
      heap = SyntheticGlibc(version, seed: seed)
      longest = longestFastbin(heap)
    }
    let list = try #require(longest)
    heap.memory.store(UInt64(0), at: list.field)
    // Nobody knows the list: its chunks look allocated.
    #expect(try blockCount(heap) == heap.live.count + list.count)
    heap.inside[1] = [5, list.first, 0]
    let walk = try HeapWalk.walk(heap.image)
    #expect(addresses(walk) == Set(heap.live.keys))
    #expect(walk.checks.allSatisfy { $0.passed }, "\(walk.checks)")
    #expect(walk.remarks.contains { $0.contains("\(list.count) chunks of a fastbin") })
  }

  /// The one chunk that is merged just now is held by its address, or by that of the free chunk in front of it.
  @Test(arguments: SyntheticVersion.all)
  func aChunkInTheHandsOfFreeIsUndecided(version: SyntheticVersion) throws {
    var heap = SyntheticGlibc(version, seed: 3)
    let live = heap.chunks.filter { heap.live[$0.address + 16] != nil && $0.state == .live }
    let one = try #require(live.first)
    let behindFree = try #require(
      live.first { chunk in heap.chunks.contains { $0.state == .binned && $0.address + $0.size == chunk.address } })
    let free = try #require(heap.chunks.first { $0.address + $0.size == behindFree.address })
    #expect(try inFlight(heap).isEmpty)
    heap.inside[0] = [one.address]
    #expect(try inFlight(heap) == [one.address + 16])
    heap.inside[0] = [free.address]
    #expect(try inFlight(heap) == [behindFree.address + 16])
    // They stay in the table: what they refer to must be found.
    #expect(try addresses(HeapWalk.walk(heap.image)) == Set(heap.live.keys))
  }

  /// A thread that ends clears the variable first, then gives back one list after the other without counting.
  @Test(arguments: SyntheticVersion.all.filter { !$0.hasDummy })
  func theCacheOfAnEndingThreadIsFree(version: SyntheticVersion) throws {
    var heap = SyntheticGlibc(version, seed: 5)
    let cache = try #require(heap.cacheStructs[1])
    let cached = heap.chunks.count { $0.state == .cached(1) }
    #expect(cached > 3)
    let variable = heap.pointer(ofThread: 1) - SyntheticGlibc.cacheVariable
    heap.memory.store(UInt64(0), at: variable)
    #expect(try blockCount(heap) == heap.live.count + cached)
    heap.inside[1] = [cache]
    for list in 0..<UInt64(8) { heap.memory.store(UInt16(0x7777), at: cache + list * 2) }
    let walk = try HeapWalk.walk(heap.image)
    #expect(addresses(walk) == Set(heap.live.keys))
    #expect(walk.internalBlocks.contains(cache))
    #expect(walk.checks.allSatisfy { $0.passed }, "\(walk.checks)")
  }

  /// `_int_malloc` has set the size of the part it hands out and not yet that of the rest: behind it an old header shows.
  @Test func blocksInsideAChunkThatIsBeingSplitAreUndecided() throws {
    var heap = SyntheticGlibc(SyntheticVersion.all[3], seed: 6)
    let free = try #require(heap.chunks.first { $0.state == .binned && $0.size >= 160 })
    // Handed out: 48 bytes. Then two old headers: 48 bytes that look allocated, and a rest that looks free.
    let (handed, stale) = (free.address, free.address + 48)
    let flags = heap.memory.word(free.address + 8) & 7
    heap.memory.store(UInt64(48) | flags, at: handed + 8)
    heap.memory.store(UInt64(48) | 1, at: stale + 8)
    heap.memory.store((free.size - 96) | 1, at: stale + 48 + 8)
    heap.inside[0] = [1]
    // Without a thread inside the allocator that would be corruption, and is not explained away.
    #expect(try inFlight(heap).isEmpty)
    heap.inside[0] = [handed]
    #expect(try inFlight(heap) == [handed + 16, stale + 16])
  }

  /// Leaves 48 bytes in front of a chunk, no size behind them, and further on a stale header that jumps over living blocks back into
  /// the chain. Returns what the rest would be, and the blocks that such a jump hides.
  private func split(
    _ heap: inout SyntheticGlibc, where isChosen: (SyntheticGlibc.PlannedChunk) -> Bool
  ) throws -> (front: UInt64, rest: Range<UInt64>, hidden: Set<UInt64>) {
    let chunks = heap.chunks.sorted { $0.address < $1.address }
    let index = try #require(
      chunks.indices.first { index in
        let following = chunks[index...].prefix(40)
        return isChosen(chunks[index]) && chunks[index].size >= 160 && following.count == 40
          && zip(following, following.dropFirst()).allSatisfy { $0.address + $0.size == $1.address }
          && chunks[index + 1..<index + 6].contains { $0.state == .live } && chunks[index + 5].state == .live
      })
    let chunk = chunks[index]
    let rest = chunk.address + 48..<chunk.address + chunk.size
    heap.memory.store(UInt64(48) | heap.memory.word(chunk.address + 8) & 7, at: chunk.address + 8)
    heap.memory.store(Self.noSize, at: rest.lowerBound + 8)
    let stale = rest.lowerBound + 32
    heap.memory.store((chunks[index + 6].address - stale) | 1, at: stale + 8)
    let hidden = chunks[index + 1..<index + 6].filter { $0.state == .live }.map { $0.address + 16 }
    return (chunk.address, rest, Set(hidden))
  }

  /// `_int_malloc` is about to store the size of the rest, which only the thread knows.
  @Test(arguments: SyntheticVersion.all)
  func theRestOfAFreeChunkEndsWhereTheThreadSays(version: SyntheticVersion) throws {
    var heap = SyntheticGlibc(version, seed: 7)
    let (front, rest, hidden) = try split(&heap) { $0.state == .binned }
    heap.inside[0] = [front]
    #expect(try !hidden.isSubset(of: addresses(HeapWalk.walk(heap.image))))
    heap.inside[0] = [front, UInt64(rest.count) | 1]
    let walk = try HeapWalk.walk(heap.image)
    #expect(addresses(walk) == Set(heap.live.keys).union([front + 16]))
    #expect(walk.blocksInFlight == [front + 16])
  }

  /// `_int_realloc` makes a block smaller: no footer tells of the rest, which was in use.
  @Test(arguments: SyntheticVersion.all)
  func theRestOfABlockEndsWhereTheThreadSays(version: SyntheticVersion) throws {
    var heap = SyntheticGlibc(version, seed: 8)
    let (front, rest, hidden) = try split(&heap) { $0.state == .live }
    let whole = UInt64(rest.count) + 48
    heap.inside[0] = [front]
    #expect(try !hidden.isSubset(of: addresses(HeapWalk.walk(heap.image))))
    heap.inside[0] = [front, UInt64(rest.count), whole]
    #expect(try addresses(HeapWalk.walk(heap.image)) == Set(heap.live.keys))
    // The rest has a stale size of its own, which leads one step further.
    heap.memory.store(UInt64(64) | 1, at: rest.lowerBound + 8)
    heap.memory.store(Self.noSize, at: rest.lowerBound + 64 + 8)
    let walk = try HeapWalk.walk(heap.image)
    #expect(addresses(walk) == Set(heap.live.keys).union([rest.lowerBound + 16]))
    #expect(walk.blocksInFlight.contains(rest.lowerBound + 16))
  }
}
