import ProcessImage
import TestSupport
import Testing

@testable import HeapGraph

/// Stacks of threads that do not run: what of them still counts.
@Suite struct ThreadStackTests {
  private static let start: UInt64 = 0x7f00_0000_0000
  private static let size: UInt64 = 0x4000
  /// The control block, with room for the descriptor behind it.
  private static let block = start + 0x3000
  private static let live = start + 0x10_0000

  /// Ranges of a stack whose thread is gone.
  private func ranges(threadID: UInt64, detached: Bool = false, inHand: Set<UInt64> = []) throws -> [Range<UInt64>] {
    try stacks(threadID: threadID, detached: detached, inHand: inHand).ranges.map(\.0)
  }

  private func stacks(threadID: UInt64, detached: Bool = false, inHand: Set<UInt64> = []) throws -> ThreadStacks {
    var bytes = [UInt8](repeating: 0, count: Int(Self.size))
    func store(_ word: UInt64, at address: UInt64) {
      withUnsafeBytes(of: word.littleEndian) { source in
        for (index, byte) in source.enumerated() { bytes[Int(address - Self.start) + index] = byte }
      }
    }
    store(Self.block, at: Self.block)
    store(Self.block, at: Self.block + 16)
    store(threadID, at: Self.block + 0x2d0)
    if detached { store(Self.block, at: Self.block + 0x628) }
    var memory = ByteMemory()
    memory.add(bytes, at: Self.start)
    let mapping = Mapping(start: Self.start, end: Self.start + Self.size, permissions: [.read, .write])
    let threads = [ThreadState(tid: 1, stackPointer: Self.live, threadPointer: Self.live + 0x800)]
    return try ThreadStacks(
      mapping: mapping, guarded: true, threads: ThreadPlaces(threads), inHand: inHand, window: MemoryWindow(memory))
  }

  private static let vector = block + 8..<block + 16
  private static let descriptor = block + 0x2c0..<block + 0x900

  @Test func aStackThatWaitsForTheNextThreadKeepsItsVectorOnly() throws {
    #expect(try ranges(threadID: 0, detached: true) == [Self.vector])
    // Joined: glibc sets the id to -1.
    #expect(try ranges(threadID: 0xffff_ffff) == [Self.vector])
  }

  @Test func theResultOfAThreadThatIsNotJoinedCounts() throws {
    #expect(try ranges(threadID: 0) == [Self.vector, Self.descriptor])
    #expect(try stacks(threadID: 0).unjoined == 1)
    #expect(try stacks(threadID: 0, detached: true).unjoined == 0 && stacks(threadID: 0xffff_ffff).unjoined == 0)
  }

  @Test func theArgumentOfAThreadThatIsBeingCreatedCounts() throws {
    #expect(try ranges(threadID: 0xffff_ffff, detached: true, inHand: [Self.block]) == [Self.vector, Self.descriptor])
  }

  /// Words that only look like control blocks, anywhere: also where no descriptor would fit behind them any more.
  @Test(arguments: 0..<300)
  func whatLooksLikeControlBlocksMayLieAnywhere(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    var memory = ByteMemory()
    var bytes = [UInt8](repeating: 0, count: Int(Self.size))
    var blocks: [UInt64] = []
    for _ in 0..<Int.random(in: 1...5, using: &random) {
      // Many near the end of a page.
      let page = Self.start + UInt64.random(in: 0..<4, using: &random) * 0x1000
      let offset = Bool.random(using: &random) ? UInt64.random(in: 0xc00..<0xfe8, using: &random) : 0
      let block = page + offset & ~63
      blocks.append(block)
      for place in [block, block + 16] {
        withUnsafeBytes(of: block.littleEndian) { word in
          for (index, byte) in word.enumerated() { bytes[Int(place - Self.start) + index] = byte }
        }
      }
    }
    memory.add(bytes, at: Self.start)
    let mapping = Mapping(start: Self.start, end: Self.start + Self.size, permissions: [.read, .write])
    let isInside = Bool.random(using: &random)
    let thread = ThreadState(
      tid: 1, stackPointer: isInside ? Self.start + UInt64.random(in: 0..<Self.size, using: &random) : Self.live,
      threadPointer: Bool.random(using: &random) ? blocks[0] : Self.live + 0x800)
    let stacks = try ThreadStacks(
      mapping: mapping, guarded: true, threads: ThreadPlaces([thread]), inHand: Set(blocks.prefix(1)),
      window: MemoryWindow(memory))
    for (range, _) in stacks.ranges { #expect(range.lowerBound >= mapping.start && range.upperBound <= mapping.end) }
  }
}
