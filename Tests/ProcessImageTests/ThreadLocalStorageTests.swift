import TestSupport
import Testing

@testable import ProcessImage

/// Threads' control blocks in made-up memory.
@Suite struct ThreadLocalStorageTests {
  private static let block: UInt64 = 0x7f00_0000_1000
  private static let size = 0x1000

  private func storage(_ words: [UInt64: UInt64]) -> ThreadLocalStorage {
    var bytes = [UInt8](repeating: 0, count: Self.size)
    for (address, word) in words {
      withUnsafeBytes(of: word.littleEndian) { source in
        for (index, byte) in source.enumerated() { bytes[Int(address - Self.block) + index] = byte }
      }
    }
    var memory = ByteMemory()
    memory.add(bytes, at: Self.block)
    let threads = [ThreadState(tid: 1, stackPointer: Self.block, threadPointer: Self.block)]
    return ThreadLocalStorage([], threads, memory)
  }

  /// The slots of the first keys lie in front of the word that points to them, those of later ones elsewhere.
  @Test func slotsOfKeys() {
    let first = Self.block + 0x310
    var words = [Self.block: Self.block, Self.block + 16: Self.block, first + 512: first]
    words[first + 512 + 8] = Self.block + 0xc00
    let areas = storage(words).areas
    #expect(areas.map(\.range) == [first..<first + 512, Self.block + 0xc00..<Self.block + 0xe00])
    #expect(areas.map(\.content) == [.keys(first: 0), .keys(first: 32)])
    #expect(storage(words).area(containing: first + 24)?.range.lowerBound == first)
    #expect(storage(words).area(containing: first - 1) == nil)
    words[Self.block + 16] = 0
    #expect(storage(words).areas.isEmpty)
  }

  /// Whatever the words say, areas are sorted and do not overlap, and nothing traps.
  @Test func tornControlBlocks() {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<300 {
      var words: [UInt64: UInt64] = [:]
      for offset in stride(from: UInt64(0), to: UInt64(Self.size), by: 8) {
        words[Self.block + offset] =
          Bool.random(using: &generator)
          ? Self.block &+ 8 &* UInt64.random(in: 0..<512, using: &generator)
          : .random(in: 0 ... .max, using: &generator)
      }
      words[Self.block] = Self.block
      words[Self.block + 16] = Self.block
      if Bool.random(using: &generator) { words[Self.block + 0x600] = Self.block + 0x400 }
      let areas = storage(words).areas
      for (left, right) in zip(areas, areas.dropFirst()) { #expect(left.range.upperBound <= right.range.lowerBound) }
    }
  }
}
