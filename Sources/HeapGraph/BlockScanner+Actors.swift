import Malloc
import ProcessImage
import SwiftMetadata

/// Jobs that wait for an actor hang on it.
extension BlockScanner {
  /// An actor holds every job that waits for it, not the first one that holds the next.
  mutating func scanJobs(_ block: Int, _ address: UInt64, into sink: inout some ReferenceSink) throws(MemoryError) {
    guard let actor = try defaultActor(at: address) else { return }
    for job in actor.jobs { try reportAmbiguous(block, DefaultActor.incomingWord, job, &sink) }
  }

  /// The actor at `address` with the jobs that wait for it; nil where the words contradict each other. O(jobs).
  func defaultActor(at address: UInt64) throws(MemoryError) -> DefaultActor? {
    let words = JobWords(window: sideWindow, heap: heap, resolver: resolver)
    let actor = DefaultActor(at: address, limit: heap.blocks.count, word: words.word, isJob: words.isJob)
    if let failure = words.failure { throw failure }
    return actor
  }
}

/// Reads what lists of jobs consist of, and remembers that the target went away.
private final class JobWords {
  private let window: MemoryWindow
  private let heap: TypedHeap
  private let resolver: ReferenceResolver
  private(set) var failure: MemoryError?

  init(window: MemoryWindow, heap: TypedHeap, resolver: ReferenceResolver) {
    self.window = window
    self.heap = heap
    self.resolver = resolver
  }

  func word(_ address: UInt64) -> UInt64? {
    guard address < UInt64.max - 8 else { return nil }
    do {
      return try window.load(address..<address + 8) ? window.word(address) : nil
    } catch {
      failure = error
      return nil
    }
  }

  func isJob(_ job: UInt64) -> Bool {
    let target = resolver.target(job, .pointer)
    guard target >= 0 else { return false }
    switch heap.type(target).kind {
    case .task, .job: return heap.blocks.address(target) == job
    // A child of `async let` lies among its parent's frames.
    case .taskSlab: return word(job).map { resolver.isTaskHead($0) } ?? false
    default: return false
    }
  }
}
