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
    for block in 0..<heap.blocks.count where heap.type(block).kind == .task {
      guard let info = references.context.taskInfo(heap.blocks.address(block)) else { continue }
      heads.insert(heap.blocks.head(block))
      found.append(Found(info: info, block: block))
    }
    guard !found.isEmpty else { return [] }
    let window = MemoryWindow(references.memory)
    for block in 0..<heap.blocks.count {
      let kind = heap.type(block).kind
      guard kind == .taskSlab || kind == .task, references.marked.contains(block) else { continue }
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

/// Tells tasks that somebody can resume from those whose continuation nobody has.
///
/// A continuation and a `Task` handle both are the task's address. A task that waits for a continuation, and to which words of type `Task`
/// alone refer, will wait for ever: handles can cancel and await it, but not resume it.
struct ResumableTasks {
  private var sink: HandleSink

  init(_ holders: HeapHolders) throws(MemoryError) {
    let references = holders.references
    sink = HandleSink(holders)
    guard references.heap.types.contains(where: { $0.kind == .task }) else { return }
    let tasks = (0..<holders.graph.blockCount).lazy.filter { holders.kind($0) == .task }
    let sources = holders.graph.sources(of: tasks)
    var scanner = references.scanner()
    try scanner.scan(count: sources.count, { Int(sources[$0]) }, into: &sink)
    // A word of a stack or of a variable may be anything.
    for root in references.roots { sink.addOther(Int(root.block)) }
  }

  func isHeldByHandlesOnly(_ block: Int) -> Bool { sink.handles.contains(block) && !sink.others.contains(block) }

  private struct HandleSink: ReferenceSink {
    let holders: HeapHolders
    let handles: Bitmap
    let others: Bitmap

    /// Steps up the dominator tree after which a reference counts as somebody else's.
    private static let stepLimit = 64

    init(_ holders: HeapHolders) {
      self.holders = holders
      handles = Bitmap(count: holders.graph.blockCount)
      others = Bitmap(count: holders.graph.blockCount)
    }

    func addOther(_ block: Int) {
      if holders.kind(block) == .task { others.insert(block) }
    }

    mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
      guard holders.kind(target) == .task, strength != .weak, strength != .unowned, source != target else { return }
      let label = holders.labels.label(source, offset)
      if let type = holders.labels.slot(source, label)?.typeName, type.hasPrefix("Task<") {
        handles.insert(target)
      } else if !isOwn(source, target) {
        others.insert(target)
      }
    }

    /// The task's own frames keep its continuation while it is made; whoever lives in them cannot resume it.
    private func isOwn(_ source: Int, _ task: Int) -> Bool {
      guard var vertex = holders.tree.vertex(source), let end = holders.tree.vertex(task) else { return false }
      for _ in 0..<Self.stepLimit {
        if vertex == end { return true }
        if vertex < end { return false }
        vertex = Int(holders.tree.dominators.immediate[vertex])
      }
      return false
    }
  }
}
