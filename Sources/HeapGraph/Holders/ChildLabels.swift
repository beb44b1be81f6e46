import ProcessImage
import SwiftMetadata
import Synchronization

/// Finds by which of its words a block refers to those that it dominates: on several threads where there are many blocks.
///
/// A child has one dominator, and only who scans that block reads or writes the child's label: threads that share the blocks never meet, and the first of
/// several words counts, as with one thread.
final class ChildLabels {
  private let tree: DominatorTree
  private let references: HeapReferences
  private let labels: FlatArray<UInt32>
  private let names: EdgeLabels
  /// Made when they are needed: each has windows of some MiB.
  private var workers: [Worker] = []

  /// One thread's means to read blocks.
  private final class Worker: @unchecked Sendable {
    var scanner: BlockScanner
    let names: EdgeLabels

    init(_ references: HeapReferences, _ names: EdgeLabels) {
      scanner = references.scanner()
      self.names = names
    }
  }

  /// Blocks that one thread takes at a time.
  private static let pieceSize = 1 << 14

  /// - Parameters:
  ///   - names: of references.
  ///   - labels: by preorder number; gets `EdgeLabel.raw` of each child.
  init(_ tree: DominatorTree, _ references: HeapReferences, _ names: EdgeLabels, labels: FlatArray<UInt32>) {
    self.tree = tree
    self.references = references
    self.names = names
    self.labels = labels
  }

  /// Labels what the blocks dominate. O(bytes of these blocks).
  ///
  /// - Parameter blocks: ascending.
  func label(below blocks: [UInt32]) throws(MemoryError) {
    let pieceCount = (blocks.count + Self.pieceSize - 1) / Self.pieceSize
    let threads = max(1, min(references.workerCount, pieceCount))
    while workers.count < threads { workers.append(Worker(references, workers.isEmpty ? names : names.separate())) }
    let (tree, labels, workers) = (tree, labels, workers)
    let next = Atomic<Int>(0)
    let failure = Mutex<MemoryError?>(nil)
    ThreadTeam.perform(threads) { index in
      let worker = workers[index]
      var sink = LabelSink(tree: tree, names: worker.names, labels: labels)
      while true {
        let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard piece < pieceCount, failure.withLock({ $0 == nil }) else { return }
        let start = piece * Self.pieceSize
        do throws(MemoryError) {
          try worker.scanner.scan(
            count: min(Self.pieceSize, blocks.count - start), { Int(blocks[start + $0]) }, into: &sink)
        } catch {
          failure.withLock { $0 = error }
          return
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  private struct LabelSink: ReferenceSink {
    let tree: DominatorTree
    let names: EdgeLabels
    let labels: FlatArray<UInt32>

    mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
      // The dominator first: the labels of other blocks' children are another thread's.
      guard strength != .unowned, let child = tree.vertex(target), let parent = tree.vertex(source),
        Int(tree.dominators.immediate[child]) == parent, labels[child] == LinkedLabels.unlabelled
      else { return }
      labels[child] = names.label(source, offset).raw
    }
  }
}
