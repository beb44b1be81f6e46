import Malloc
import ProcessImage
import SwiftMetadata

/// Reads which case of its enum a word lies in. For who asks for labels, one at a time.
struct EnumCases: @unchecked Sendable {
  private let heap: TypedHeap
  private let memory: any MemoryReader
  private let window: MemoryWindow
  /// By type: some word's meaning depends on a case.
  private let choices: FlatArray<Bool>

  init(heap: TypedHeap, memory: any MemoryReader) {
    self.heap = heap
    self.memory = memory
    window = MemoryWindow(memory)
    choices = FlatArray(repeating: false, count: heap.types.count)
    for (index, type) in heap.types.enumerated() {
      choices[index] = type.layout.slots.contains { $0.choice != nil }
    }
  }

  private init(_ other: EnumCases) {
    heap = other.heap
    memory = other.memory
    window = MemoryWindow(other.memory)
    choices = other.choices
  }

  /// The same for another thread.
  func separate() -> EnumCases { EnumCases(self) }

  @inline(__always)
  func hasChoice(_ type: Int) -> Bool { choices[type] }

  /// Which of the slot's alternatives the value is that starts at an offset of the block; nil where that cannot be read.
  func alternative(_ slot: ReferenceSlot, valueAt offset: UInt64, in block: Int) -> Int? {
    let start = heap.blocks.address(block)
    let end = start &+ heap.blocks.size(block)
    let value = start &+ offset
    return slot.alternative { byte in
      let address = value &+ UInt64(byte)
      let word = address & ~7
      guard word >= start, word + 8 <= end, (try? window.load(word..<word + 8)) == true else { return nil }
      return UInt8(truncatingIfNeeded: window.word(word) >> (8 * (address & 7)))
    }
  }
}
