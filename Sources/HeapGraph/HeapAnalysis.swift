import Malloc
import ProcessImage
import SwiftMetadata
import Symbols

/// Which of a task's words have been written for what the task does now.
public struct TaskWords: Sendable, Hashable {
  /// It is in a queue, running, or waiting for another task: its scheduler links are in use.
  public var linksAreInUse: Bool
  /// Address of the first unwritten byte: the frame of a task that has not begun yet.
  public var end: UInt64
  /// The executor in whose queue it is, an actor's address for one; 0 where that is not known.
  public var executor: UInt64
  /// Addresses at which its end will write: room for the result of a task that has not begun, and for the error of one that has not ended.
  public var unwritten: [Range<UInt64>] = []

  public init(linksAreInUse: Bool = true, end: UInt64 = .max, executor: UInt64 = 0) {
    self.linksAreInUse = linksAreInUse
    self.end = end
    self.executor = executor
  }
}

/// What is in the heap, and what of it nothing reaches any more.
public struct HeapAnalysis: Sendable {
  /// What is looked for, with which means.
  public struct Options: Sendable {
    /// Find leaks; false counts types only, which needs no marking.
    public var findsLeaks = true
    /// Threads that read and scan.
    public var workerCount = 2
    /// Keep what is needed to ask who holds what (`HeapHolders`).
    public var keepsReferences = false
    /// Where there is no room for all of these, a sample says who holds what most of the memory (`SampledHolders`). Otherwise nothing less than
    /// everything is an answer, and `HoldersError.notMarked` is thrown before the heap is marked.
    public var takesSample = true
    /// Where sampled blocks were allocated; nil for a process that is not sampled.
    public var allocations: AllocationStacks?
    /// Memory that it may take; nil for as much as it needs.
    public var room: InspectionRoom?
    /// Keep what is needed to ask of a sample of blocks who holds them (`SampledHolders`).
    var keepsSampling = false
    /// For grouping leaks, in bytes; nil for as much as it needs.
    var graphRoom: UInt64?
    /// Marking ends where `isRoomGone`: there is an answer from before.
    var stopsWithoutRoom = false
    /// Whether the room that there was at the beginning has gone. Then blocks that were packed are given up, and what was counted before is the answer.
    /// Asked once in some ten thousand blocks.
    public var isRoomGone: (@Sendable () -> Bool)?
    /// Why the process was read while it ran, in a sentence; nil where that was asked for.
    public var whyRunning: String?

    public init(
      findsLeaks: Bool = true, workerCount: Int = 2, keepsReferences: Bool = false,
      allocations: AllocationStacks? = nil, room: InspectionRoom? = nil
    ) {
      self.findsLeaks = findsLeaks
      self.workerCount = workerCount
      self.keepsReferences = keepsReferences
      self.allocations = allocations
      self.room = room
    }
  }

  /// What the analysis is busy with, for a progress line.
  public enum Phase: Sendable, Hashable {
    case typing
    case roots
    case marking
    case grouping
  }

  /// What marking needs to know beyond layouts, from those who know tasks and symbols.
  public struct Context: Sendable {
    /// Which words of the task at this address mean something.
    public var taskWords: @Sendable (UInt64) -> TaskWords
    /// The async function in which the task at this address is suspended, then its callers, demangled.
    public var describeTask: @Sendable (UInt64) -> [String]
    /// What that function waits in, where it is the standard library's: `AsyncStream.Iterator.next(isolation:)`.
    public var taskWaitsFor: @Sendable (UInt64) -> String?
    /// The frames of the task at this address, innermost first, those of the runtime without a function.
    var taskFrames: @Sendable (UInt64) -> [TaskFrame]
    /// What the task at this address is doing; nil where there is none.
    public var taskInfo: @Sendable (UInt64) -> TaskInfo?
    /// Stored properties of the elements or values of a collection's storage, by the storage's first word.
    public var storedFields: @Sendable (UInt64) -> [StoredField]
    /// The same, and of the instances where the elements are references to objects of a class.
    public var elementFields: @Sendable (UInt64) -> [StoredField]
    /// Stored properties of a class's instances, by an instance's first word.
    var instanceFields: @Sendable (UInt64) -> [StoredField]
    /// Blocks that hold bytes only, whatever stale words they contain (stdio buffers), by address.
    public var byteBuffers: [UInt64]
    /// Threads whose frames are history.
    public var idleWorkers: IdleWorkers

    public init(
      taskWords: @escaping @Sendable (UInt64) -> TaskWords = { _ in TaskWords() },
      describeTask: @escaping @Sendable (UInt64) -> [String] = { _ in [] },
      taskWaitsFor: @escaping @Sendable (UInt64) -> String? = { _ in nil },
      taskFrames: @escaping @Sendable (UInt64) -> [TaskFrame] = { _ in [] },
      taskInfo: @escaping @Sendable (UInt64) -> TaskInfo? = { _ in nil },
      storedFields: @escaping @Sendable (UInt64) -> [StoredField] = { _ in [] },
      elementFields: @escaping @Sendable (UInt64) -> [StoredField] = { _ in [] },
      instanceFields: @escaping @Sendable (UInt64) -> [StoredField] = { _ in [] }, byteBuffers: [UInt64] = [],
      idleWorkers: IdleWorkers = IdleWorkers()
    ) {
      self.taskWords = taskWords
      self.describeTask = describeTask
      self.taskWaitsFor = taskWaitsFor
      self.taskFrames = taskFrames
      self.taskInfo = taskInfo
      self.storedFields = storedFields
      self.elementFields = elementFields
      self.instanceFields = instanceFields
      self.byteBuffers = byteBuffers
      self.idleWorkers = idleWorkers
    }
  }

  /// Without blocks below a page where `isSurvey`.
  public let heap: TypedHeap
  public let census: [CensusRow]
  /// Live blocks, and their usable bytes.
  public let blockCount: Int
  public let bytes: UInt64
  /// There was no room to keep all blocks: they were counted by type, and `heap` has the large ones.
  public var isSurvey: Bool { counted != nil }
  /// Types of all blocks, where only the large ones are in `heap`.
  private let counted: [ObjectType]?
  /// What was met in the heap.
  public var types: [ObjectType] { counted ?? heap.types }
  /// Why less was found than asked for, in a sentence; nil where there was room.
  public internal(set) var shortage: String?
  /// Nil where leaks cannot be judged; `leaksNotJudged` says why.
  public private(set) var leaks: [LeakGroup]?
  public private(set) var leaksNotJudged: String?
  /// Unreachable blocks by index, ascending; empty where leaks cannot be judged, and where there was no room to list them.
  public private(set) var unreachable: [UInt32] = []
  public private(set) var unreachableBytes: UInt64 = 0
  public private(set) var rootCount = 0
  public private(set) var referenceCount: UInt64 = 0
  /// Threads that have ended and that nobody has joined or detached: their stacks stay. Nil where the heap was not marked.
  public private(set) var unjoinedThreads: Int?
  /// What could not be read, in sentences.
  public private(set) var remarks: [String] = []
  /// Nil unless asked for, and where the heap was not marked.
  public private(set) var references: HeapReferences?
  /// The same for a sample of blocks: where there was no room for all.
  public private(set) var sampling: SampledReferences?

  /// Types, marks and groups. The result does not need the image's memory any more.
  public init(
    image: ProcessImage, walk: HeapWalk, decoder: any ObjectTypeDecoder, context: Context, options: Options = Options(),
    progress: ((Phase, Double) -> Void)? = nil
  ) throws(MemoryError) {
    try self.init(
      image: image, heap: TypedHeap(walk: walk, decoder: decoder) { progress?(.typing, $0) }, context: context,
      options: options, progress: progress)
  }

  init(
    image: ProcessImage, heap: TypedHeap, context: Context, options: Options, progress: ((Phase, Double) -> Void)?
  ) throws(MemoryError) {
    let walk = heap.walk
    self.heap = heap
    blockCount = walk.blocks.count
    bytes = walk.blocks.totalBytes
    counted = nil
    guard image.isConsistent && options.findsLeaks else {
      census = Census.rows(heap)
      leaksNotJudged = image.isConsistent ? "not asked for" : Self.moved(options)
      return
    }
    let marking = try Marking(
      image, heap, context: context, workerCount: options.workerCount, keepsTypeEdges: options.keepsSampling,
      mustStop: options.stopsWithoutRoom ? options.isRoomGone : nil, progress: progress)
    rootCount = marking.roots.count
    referenceCount = marking.referenceCount
    unjoinedThreads = marking.unjoinedThreads
    remarks = marking.remarks
    if options.keepsReferences {
      references = HeapReferences(marking, heap: heap, memory: image.memory, context: context, options: options)
    }
    if let edges = marking.typeEdges {
      sampling = SampledReferences(
        references: HeapReferences(marking, heap: heap, memory: image.memory, context: context, options: options),
        edges: edges, mustStop: options.isRoomGone)
    }
    guard walk.isExact else {
      census = Census.rows(heap) { marking.marked.contains($0) }
      leaksNotJudged =
        "\(walk.allocator) does not say which blocks are live: counted is what is reachable, leaks cannot be judged"
      return
    }
    census = Census.rows(heap)
    progress?(.grouping, 0)
    try findLeaks(marking, image, context, options)
  }

  /// Groups what marking has not reached.
  private mutating func findLeaks(
    _ marking: Marking, _ image: ProcessImage, _ context: Context, _ options: Options
  ) throws(MemoryError) {
    let walk = heap.walk
    let unreachableBlocks = walk.blocks.count - marking.marked.population
    // Other languages' runtimes hide references in ways that only they know (compressed pointers, handles).
    let isForeign = !heap.types.contains { $0.kind != .native && $0.kind != .sideTable }
    if isForeign && unreachableBlocks > 0 {
      remarks.append(
        "no Swift object is in this heap; another language's runtime may hide pointers, so leaks are only possible here"
      )
    }
    let isDoubtful = walk.checks.contains { !$0.passed } || !remarks.isEmpty
    if let room = options.graphRoom, UInt64(unreachableBlocks) &* UnreachableGraph.bytesPerNode > room {
      let groups = UnfollowedLeaks(heap: heap, marked: marking.marked, isDoubtful: isDoubtful)
      unreachableBytes = groups.bytes
      leaks = groups.groups
      remarks.append(
        "no pointer leads to \(unreachableBlocks) blocks: too many to see in the memory that is left how they hold each other, so they are grouped by type alone, and cycles are not told"
      )
      return
    }
    unreachable = marking.unreachable(in: heap)
    unreachableBytes = unreachable.reduce(0) { $0 + walk.blocks.size(Int($1)) }
    var scanner = BlockScanner(
      heap: heap, resolver: marking.resolver, plans: marking.plans, memory: image.memory, taskWords: context.taskWords,
      oddPlaces: OddPlaces(walk.blocks, marked: marking.marked).map { .search($0) } ?? .none)
    let graph = try UnreachableGraph(nodes: unreachable, scanner: &scanner)
    leaks =
      LeakFinder(
        heap: heap, graph: graph, isDoubtful: isDoubtful, allocations: options.allocations,
        describeTask: context.describeTask, taskWaitsFor: context.taskWaitsFor, taskInfo: context.taskInfo
      ).groups()
  }

  /// Of what was counted only.
  ///
  /// - Parameter shortage: why there is no more, in a sentence.
  init(
    _ survey: HeapSurvey, image: ProcessImage, decoder: any ObjectTypeDecoder, options: Options, shortage: String
  ) {
    heap = TypedHeap(walk: survey.walk, decoder: decoder)
    census = survey.census
    blockCount = survey.blockCount
    bytes = survey.bytes
    counted = survey.types
    self.shortage = shortage
    leaksNotJudged = !image.isConsistent ? Self.moved(options) : options.findsLeaks ? shortage : "not asked for"
  }

  private static func moved(_ options: Options) -> String {
    "the process was running while it was read: pointers moved, so leaks cannot be judged"
      + (options.whyRunning == nil ? " (use --freeze cow or stop)" : "; there was no room for a copy of it")
  }
}
