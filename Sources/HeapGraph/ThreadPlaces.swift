import ProcessImage

/// An image's threads by where their stacks and control blocks are, for programs with tens of thousands of them.
///
/// Made in O(n log n); each question takes O(log n).
struct ThreadPlaces: Sendable {
  /// Stack pointers, ascending, and the thread of each by its index in the image.
  private let stacks: [(pointer: UInt64, thread: Int)]
  /// Thread pointers that are not 0, ascending.
  private let blocks: [(pointer: UInt64, thread: Int)]
  private let byID: [Int32: Int]

  init(_ threads: [ThreadState]) {
    let all = threads.enumerated()
    stacks = all.map { ($1.stackPointer, $0) }.sorted { $0.0 < $1.0 }
    blocks = all.filter { $1.threadPointer != 0 }.map { ($1.threadPointer, $0) }.sorted { $0.0 < $1.0 }
    byID = Dictionary(all.map { ($1.tid, $0) }) { first, _ in first }
  }

  var isEmpty: Bool { stacks.isEmpty }

  func thread(id: Int32) -> Int? { byID[id] }

  /// Stack pointers in a range, ascending.
  func stackPointers(in range: Range<UInt64>) -> [UInt64] {
    stacks[stacks.partitionIndex { $0.pointer < range.lowerBound }...].lazy.map(\.pointer)
      .prefix { $0 < range.upperBound }.map { $0 }
  }

  /// The thread whose stack pointer is the highest at or below an address.
  func thread(withStackPointerAtOrBelow address: UInt64) -> Int? {
    let index = stacks.partitionIndex { $0.pointer <= address }
    return index > 0 ? stacks[index - 1].thread : nil
  }

  /// Whether an address is a thread's pointer to its control block.
  func isControlBlock(_ address: UInt64) -> Bool {
    let index = blocks.partitionIndex { $0.pointer < address }
    return index < blocks.count && blocks[index].pointer == address
  }

  /// The lowest thread pointer at or above an address.
  func threadPointer(atOrAbove address: UInt64) -> UInt64? {
    let index = blocks.partitionIndex { $0.pointer < address }
    return index < blocks.count ? blocks[index].pointer : nil
  }

  /// The thread whose thread pointer is the nearest to an address, if that lies at most `below` bytes before it and less than `above` behind.
  func thread(nearestTo address: UInt64, below: UInt64, above: UInt64) -> Int? {
    let index = blocks.partitionIndex { $0.pointer < address }
    let next = index < blocks.count && blocks[index].pointer - address <= below ? blocks[index] : nil
    let last = index > 0 && address - blocks[index - 1].pointer < above ? blocks[index - 1] : nil
    guard let next, let last else { return (next ?? last)?.thread }
    return next.pointer - address < address - last.pointer ? next.thread : last.thread
  }
}
