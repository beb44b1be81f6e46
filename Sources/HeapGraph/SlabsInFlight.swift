import Malloc
import ProcessImage

/// Pieces of task memory ("slabs") on their way between a task and `malloc`.
///
/// A slab belongs to its task, so a word on a stack that points to one is no root. But when a task has ended its slabs are freed one
/// after the other, each found through the one before, and a new one hangs on its task only when it has been filled in
/// (`StackAllocator` in swiftlang/swift stdlib/public/runtime/StackAllocator.h). Meanwhile only the thread that does so knows them: in its
/// registers and innermost frames, by their first byte or, inside `malloc` and `free`, by that of their chunk. Nothing in them is alive.
enum SlabsInFlight {
  /// `free` and its callees, below the runtime's loop over the slabs.
  private static let depth: UInt64 = 1024
  /// A chunk's header in front of what `malloc` returns (malloc/malloc.c).
  private static let chunkHeader: UInt64 = 16

  /// O(threads).
  static func find(
    image: ProcessImage, heap: TypedHeap, resolver: ReferenceResolver, idle: IdleWorkers
  ) -> [Int] {
    var found: Set<Int> = []
    for thread in image.threads where idle.idleFrames[thread.tid] == nil {
      for word in image.innermostWords(of: thread, depth: depth) where word > 0xffff && word & 15 == 0 {
        for address in [word, word &+ chunkHeader] {
          let block = heap.blocks.index(startingAt: address)
          if block >= 0 && resolver.isTaskMemory(block) { found.insert(block) }
        }
      }
    }
    return found.sorted()
  }
}
