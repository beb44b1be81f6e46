import Malloc
import ProcessImage
import SwiftMetadata

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
