import Malloc
import ProcessImage
import SwiftMetadata

/// What marking knew, kept to ask of some blocks who holds them.
public struct SampledReferences: Sendable {
  let references: HeapReferences
  let edges: TypeEdges
  /// There is no room to go on.
  let mustStop: (@Sendable () -> Bool)?
}

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
  private let oddReferences: OddReferences
  let workerCount: Int
  let allocations: AllocationStacks?
  let threadLocals: ThreadLocalStorage

  init(
    _ marking: Marking, heap: TypedHeap, memory: any MemoryReader, context: HeapAnalysis.Context,
    options: HeapAnalysis.Options
  ) {
    self.heap = heap
    self.memory = memory
    self.context = context
    resolver = marking.resolver
    plans = marking.plans
    roots = marking.roots
    allocatorBlocks = marking.allocatorBlocks
    spareBlocks = marking.spareBlocks
    marked = marking.marked
    oddReferences = marking.oddReferences
    threadLocals = marking.threadLocals
    workerCount = options.workerCount
    allocations = options.allocations
  }

  /// A scanner of its own; one a thread.
  func scanner() -> BlockScanner {
    let (heap, context) = (heap, context)
    return BlockScanner(
      heap: heap, resolver: resolver, plans: plans, memory: memory,
      taskWords: { address in
        var words = context.taskWords(address)
        // Each job that waits for an actor hangs on the actor. By their links a stale word that leads to one would share all behind it.
        let actor = heap.blocks.index(startingAt: words.executor)
        if actor >= 0, heap.type(actor).actor == .standard { words.linksAreInUse = false }
        return words
      }, oddPlaces: .known(oddReferences))
  }

  /// Nothing in the block can lead anywhere.
  @inline(__always)
  func isLeaf(_ block: Int) -> Bool { plans.plans[heap.typeIndex(block)].isLeaf }

  /// Blocks that are wanted and may lead somewhere, ascending. O(blocks).
  func sources(where isWanted: (Int) -> Bool) -> [UInt32] {
    var sources: [UInt32] = []
    for block in 0..<heap.blocks.count where isWanted(block) && !isLeaf(block) { sources.append(UInt32(block)) }
    return sources
  }
}
