import Malloc
import ProcessImage
import SwiftMetadata

/// Finds every live task: those with a block of their own, and `async let` children, which lie in their parent's memory.
struct TaskFinder {
  struct Found {
    var info: TaskInfo
    /// Nil for a task that lies in another one's memory.
    var block: Int?
  }

  private let references: HeapReferences

  init(_ holders: HeapHolders) { references = holders.references }

  func tasks() throws(MemoryError) -> [Found] {
    let heap = references.heap
    var found: [Found] = []
    var heads = Set<UInt64>()
    for block in heap.blocks(of: .task) {
      guard let info = references.context.taskInfo(heap.blocks.address(block)) else { continue }
      heads.insert(heap.blocks.head(block))
      found.append(Found(info: info, block: block))
    }
    guard !found.isEmpty else { return [] }
    let window = MemoryWindow(references.memory)
    for block in heap.blocks(of: .task, .taskSlab) where references.marked.contains(block) {
      try addInner(block, heads, window, to: &found)
    }
    return found
  }

  /// Task memory is allocated in multiples of 16 bytes.
  private func addInner(
    _ block: Int, _ heads: Set<UInt64>, _ window: MemoryWindow, to found: inout [Found]
  ) throws(MemoryError) {
    let start = references.heap.blocks.address(block)
    var end = start + min(references.heap.blocks.size(block), UInt64(MemoryWindow.capacity)) & ~7
    guard end >= start + 48, try window.load(start..<end) else { return }
    if references.heap.type(block).kind == .taskSlab {
      // {metadata, next, capacity u32, used u32}, data from 32 on.
      end = min(end, start + 32 + window.word(start + 16) >> 32)
    }
    var candidates: [UInt64] = []
    var address = start + 32
    while address + 8 <= end {
      if heads.contains(window.word(address)) { candidates.append(address) }
      address += 16
    }
    for candidate in candidates {
      // What is left of a finished child is in memory that is free again, or says that it is complete.
      guard let info = references.context.taskInfo(candidate), info.parent != 0, !info.isGroupChild, !info.isComplete
      else { continue }
      found.append(Found(info: info, block: nil))
    }
  }
}
