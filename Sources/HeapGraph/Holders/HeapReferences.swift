import Malloc
import ProcessImage
import SwiftMetadata

/// What marking knew, kept for those who ask who holds what: the means to read any block's references again, and the roots.
public struct HeapReferences: Sendable {
  let heap: TypedHeap
  let resolver: ReferenceResolver
  let plans: ScanPlans
  let memory: any MemoryReader
  let context: HeapAnalysis.Context
  /// Words outside the heap that refer to a block.
  let roots: [Root]
  /// The allocator's own blocks, and continuations that libdispatch keeps for reuse.
  let allocatorBlocks: [Int]
  let spareBlocks: [Int]
  let marked: Bitmap
  let workerCount: Int
  let allocations: AllocationStacks?
  let threadLocals: ThreadLocalStorage

  /// A scanner of its own; one a thread.
  func scanner() -> BlockScanner {
    BlockScanner(heap: heap, resolver: resolver, plans: plans, memory: memory, taskWords: context.taskWords)
  }

  /// Nothing in the block can lead anywhere.
  @inline(__always)
  func isLeaf(_ block: Int) -> Bool { plans.plans[heap.typeIndex(block)].isLeaf }
}
