import Malloc
import ProcessImage
import SwiftMetadata

/// What actors of one type do, and who waits for them.
public struct ActorSummary: Sendable, Hashable, Codable {
  public var actors: Int
  /// A thread runs one of their jobs, or stands in it.
  public var running: Int
  /// Jobs wait, and a thread has been asked to run them.
  public var scheduled: Int
  /// Tasks and other jobs that wait.
  public var jobs: Int
  /// On the actor on which most wait.
  public var mostJobs: Int
  /// What waits, by async function, most first; up to three.
  public var waiting: [Waiting]
  /// The async function of the longest waiting one on the actor on which most wait, as far as it can be told.
  public var longestWaiting: String?

  /// Jobs that wait, by the function with which they go on.
  public struct Waiting: Sendable, Hashable, Codable {
    /// Empty where it has no name.
    public var function: String
    public var jobs: Int
  }
}

/// Actors of one type on which jobs wait.
public struct BusyActors: Sendable, Hashable, Codable {
  public var type: String
  public var summary: ActorSummary
  /// Bytes that would go with the actor on which most wait, with what waits.
  public var retainedBytes: UInt64
  /// The root that leads to it.
  public var heldBy: String?
  public var example: String
}

/// The actors of a heap with the jobs that wait for them.
struct ActorTable {
  // Not the holders themselves, which keep this table.
  private let references: HeapReferences
  /// By block; those that contradict themselves are left out.
  private(set) var actors: [Int: DefaultActor] = [:]
  /// Address of a job -> block of the actor that it waits for.
  private(set) var actorOfJob: [UInt64: Int] = [:]

  /// O(blocks + jobs).
  init(_ references: HeapReferences, blockCount: Int) throws(MemoryError) {
    self.references = references
    let isActor = references.heap.types.map { $0.actor == .standard }
    guard isActor.contains(true) else { return }
    let scanner = references.scanner()
    for block in 0..<blockCount
    where isActor[references.heap.typeIndex(block)] && references.marked.contains(block) {
      guard let actor = try scanner.defaultActor(at: references.heap.blocks.address(block)) else { continue }
      actors[block] = actor
      for job in actor.jobs { actorOfJob[job] = block }
    }
  }

  /// Nil where none of the blocks is a default actor.
  func summary(_ blocks: some Sequence<Int>) -> ActorSummary? {
    var summary = ActorSummary(
      actors: 0, running: 0, scheduled: 0, jobs: 0, mostJobs: 0, waiting: [], longestWaiting: nil)
    var functions: [String: Int] = [:]
    for block in blocks {
      guard let actor = actors[block] else { continue }
      summary.actors += 1
      switch actor.state {
      case .running: summary.running += 1
      case .scheduled: summary.scheduled += 1
      case .idle, .destroyed: break
      }
      summary.jobs += actor.jobs.count
      for job in actor.jobs { functions[function(job), default: 0] += 1 }
      if actor.jobs.count > summary.mostJobs, let first = actor.jobs.first {
        summary.mostJobs = actor.jobs.count
        summary.longestWaiting = function(first)
      }
    }
    guard summary.actors > 0 else { return nil }
    if summary.longestWaiting == "" { summary.longestWaiting = nil }
    summary.waiting = functions.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(3)
      .map { ActorSummary.Waiting(function: $0.key, jobs: $0.value) }
    return summary
  }

  /// The program's own function that a job goes on with; where there is none, the innermost that has a name.
  private func function(_ job: UInt64) -> String {
    let frames = references.context.taskFrames(job).filter { !$0.function.isEmpty }
    return (frames.first { !$0.isStandard } ?? frames.first)?.function ?? ""
  }

  /// Types with actors on which jobs wait, most jobs first.
  func busy(_ holders: HeapHolders) -> [BusyActors] {
    let heap = references.heap
    var byType: [Int: [Int]] = [:]
    for (block, actor) in actors where !actor.jobs.isEmpty { byType[heap.typeIndex(block), default: []].append(block) }
    return byType.compactMap { type, blocks in
      let blocks = blocks.sorted()
      guard let summary = summary(blocks),
        let most = blocks.first(where: { actors[$0]?.jobs.count == summary.mostJobs })
      else { return nil }
      return BusyActors(
        type: heap.types[type].name, summary: summary, retainedBytes: holders.tree.retainedBytes(ofNode: most),
        heldBy: holders.tellingLeader(of: most), example: "0x" + String(heap.blocks.address(most), radix: 16))
    }.sorted { ($0.summary.jobs, $1.type) > ($1.summary.jobs, $0.type) }
  }

  /// Type of the actor that a task waits for, or of an executor that is no actor.
  func queue(of task: TaskInfo) -> (type: String, isExecutor: Bool)? {
    let heap = references.heap
    if let block = actorOfJob[task.address] { return (heap.type(block).name, false) }
    // An executor that is no actor's: the task's own record names it.
    guard case .executor(let identity) = task.dependency, identity != 0 else { return nil }
    let block = heap.blocks.index(startingAt: identity)
    guard block >= 0, heap.type(block).kind == .class else { return nil }
    return (heap.type(block).name, heap.type(block).actor == .none)
  }
}
