import Malloc
import ProcessImage
import SwiftMetadata

/// Decides which block a word refers to.
struct ReferenceResolver: Sendable {
  let heap: TypedHeap
  /// Types that pointers may reach into the middle of, although a field says it is a strong reference.
  private let hasInterior: FlatArray<Bool>
  private let isTaskMemory: FlatArray<Bool>
  /// First words of tasks.
  private let taskHeads: Set<UInt64>

  init(heap: TypedHeap) {
    self.heap = heap
    hasInterior = FlatArray(repeating: false, count: heap.types.count)
    for (index, type) in heap.types.enumerated() {
      hasInterior[index] = type.kind == .native || type.kind == .task || type.kind == .taskSlab
    }
    isTaskMemory = FlatArray(repeating: false, count: heap.types.count)
    var heads: Set<UInt64> = []
    let taskTypes = Set(heap.types.indices.filter { heap.types[$0].kind == .task })
    for (index, type) in heap.types.enumerated() where type.kind == .taskSlab { isTaskMemory[index] = true }
    if heap.types.contains(where: { $0.kind == .taskSlab }) {
      for block in 0..<heap.blocks.count where taskTypes.contains(heap.typeIndex(block)) {
        heads.insert(heap.blocks.head(block))
      }
    }
    taskHeads = heads
  }

  /// Swift keeps tags in the top byte and the low three bits of a reference on x86-64
  /// (heap object spare bits, swiftlang/swift stdlib/public/SwiftShims/System.h); user addresses are below 2^47.
  static let addressMask: UInt64 = 0x00ff_ffff_ffff_fff8
  /// C and C++ programs hide more in a pointer: sixteen bits where addresses have 47 (virtual machines' tagged handles).
  static let nativeAddressMask: UInt64 = 0x0000_ffff_ffff_fff8

  /// The block that `word` refers to with this strength, or -1.
  @inline(__always)
  func target(_ word: UInt64, _ strength: ReferenceSlot.Strength) -> Int {
    let isReference = strength == .strong || strength == .unowned || strength == .weak
    let address = word & (isReference ? Self.addressMask : Self.nativeAddressMask)
    if address < 0x1000 { return -1 }
    // Who keeps an address as an integer may keep marks of his own beside it: in the bits that alignment leaves free, and above the address, where
    // lists without locks count their changes.
    if strength == .number { return heap.blocks.index(startingAt: address) }
    let index = heap.blocks.index(containing: address)
    guard index >= 0 else { return -1 }
    switch strength {
    case .strong, .unowned, .weak:
      // Such a field points to the start of an object, or to one that the compiler placed inside a task's or C's memory.
      if heap.blocks.address(index) == address { return index }
      let type = heap.typeIndex(index)
      return type < hasInterior.count && hasInterior[type] ? index : -1
    case .pointer, .ambiguous, .number:
      return index
    }
  }

  /// Async frames belong to their task, and whoever goes on with a task knows the task's own address: a queue, a continuation, a
  /// waiting task, a child, a thread. A word that points to a frame alone is left over, and frames are full of such words,
  /// because a function writes its locals only when it gets to them. A piece of task memory that is pointed to as a whole is kept: the
  /// task and its earlier pieces point to it so.
  @inline(__always)
  func isTaskMemory(_ target: Int) -> Bool {
    // Types that were added since belong to native blocks.
    let type = heap.typeIndex(target)
    return type < isTaskMemory.count && isTaskMemory[type]
  }

  /// A child task of `async let` lies among its parent's frames.
  func isTask(_ word: UInt64, _ window: MemoryWindow) throws(MemoryError) -> Bool {
    let address = word & Self.nativeAddressMask
    return try window.load(address..<address + 8) && taskHeads.contains(window.word(address))
  }

  /// The same, for one who asks again and again about words near each other.
  func isTask(_ word: UInt64, _ pages: PagedMemory) throws(MemoryError) -> Bool {
    do throws(MemoryError) {
      return taskHeads.contains(try pages.load(at: word & Self.nativeAddressMask))
    } catch .targetGone {
      throw .targetGone
    } catch { return false }
  }

  /// The first word of tasks.
  func isTaskHead(_ word: UInt64) -> Bool { taskHeads.contains(word) }

  /// The side table that an object's reference count word names, or -1. Marks are the two top bits; the rest is the address
  /// divided by eight (RefCount.h, `RefCountBitOffsets<8>`).
  @inline(__always)
  func sideTable(_ refCounts: UInt64) -> Int {
    guard refCounts >> 62 == 3 else { return -1 }
    return heap.blocks.index(startingAt: refCounts << 3)
  }

  /// What a heap object's second word can be: bit 0 (`PureSwiftDealloc`) is set in all counts, bit 63 (`UseSlowRC`) where they
  /// lie elsewhere or are not kept (RefCount.h). No pointer has either.
  @inline(__always)
  static func areCounts(_ word: UInt64) -> Bool { word & 1 != 0 || word >> 63 != 0 }

  /// The object's deinit has run; only unowned references keep its memory (RefCount.h, `IsDeinitingShift`).
  @inline(__always)
  static func isDeiniting(_ refCounts: UInt64) -> Bool { refCounts >> 62 != 3 && refCounts >> 32 & 1 != 0 }

  /// The words of a side table that outlived its object: no strong reference (bits 33 to 62 and the mark in bit 63 are clear), deinitialised, no
  /// unowned reference left (bits 1 to 31), and some weak ones (RefCount.h, `RefCountBitOffsets<8>`, `SideTableRefCountBits`).
  static func isLostSideTable(object: UInt64, counts: UInt64, weakCount: UInt32) -> Bool {
    object & 15 == 0 && object >= 0x1000 && object < 1 << 47 && counts == 1 << 32 | 1 && weakCount > 0
      && weakCount < 1 << 31
  }
}

/// Receives the references that scanning finds.
protocol ReferenceSink {
  /// `word` at `offset` bytes from the start of block `source` refers to block `target`.
  mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength)
}
