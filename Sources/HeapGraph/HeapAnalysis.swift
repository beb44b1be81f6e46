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

  public init(linksAreInUse: Bool = true, end: UInt64 = .max) {
    self.linksAreInUse = linksAreInUse
    self.end = end
  }
}

/// What is in the heap, and what of it nothing reaches any more.
public struct HeapAnalysis: Sendable {
  public struct Options: Sendable {
    /// Find leaks; false counts types only, which needs no marking.
    public var findsLeaks = true
    /// Threads that read and scan.
    public var workerCount = 2
    /// Keep what is needed to ask who holds what (`HeapHolders`).
    public var keepsReferences = false
    /// Where sampled blocks were allocated; nil for a process that is not sampled.
    public var allocations: AllocationStacks?

    public init(
      findsLeaks: Bool = true, workerCount: Int = 2, keepsReferences: Bool = false, allocations: AllocationStacks? = nil
    ) {
      self.findsLeaks = findsLeaks
      self.workerCount = workerCount
      self.keepsReferences = keepsReferences
      self.allocations = allocations
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
    /// The frames of the task at this address, innermost first, those of the runtime without a function.
    public var taskFrames: @Sendable (UInt64) -> [TaskFrame]
    /// What the task at this address is doing; nil where there is none.
    public var taskInfo: @Sendable (UInt64) -> TaskInfo?
    /// Stored properties of the elements or values of a collection's storage, by the storage's first word.
    public var storedFields: @Sendable (UInt64) -> [StoredField]
    /// Stored properties of a class's instances, by an instance's first word.
    public var instanceFields: @Sendable (UInt64) -> [StoredField]
    /// Blocks that hold bytes only, whatever stale words they contain (stdio buffers), by address.
    public var byteBuffers: [UInt64]
    /// Threads whose frames are history.
    public var idleWorkers: IdleWorkers

    public init(
      taskWords: @escaping @Sendable (UInt64) -> TaskWords = { _ in TaskWords() },
      describeTask: @escaping @Sendable (UInt64) -> [String] = { _ in [] },
      taskFrames: @escaping @Sendable (UInt64) -> [TaskFrame] = { _ in [] },
      taskInfo: @escaping @Sendable (UInt64) -> TaskInfo? = { _ in nil },
      storedFields: @escaping @Sendable (UInt64) -> [StoredField] = { _ in [] },
      instanceFields: @escaping @Sendable (UInt64) -> [StoredField] = { _ in [] }, byteBuffers: [UInt64] = [],
      idleWorkers: IdleWorkers = IdleWorkers()
    ) {
      self.taskWords = taskWords
      self.describeTask = describeTask
      self.taskFrames = taskFrames
      self.taskInfo = taskInfo
      self.storedFields = storedFields
      self.instanceFields = instanceFields
      self.byteBuffers = byteBuffers
      self.idleWorkers = idleWorkers
    }
  }

  public let heap: TypedHeap
  public let census: [CensusRow]
  /// Nil where leaks cannot be judged; `leaksNotJudged` says why.
  public let leaks: [LeakGroup]?
  public let leaksNotJudged: String?
  /// Unreachable blocks by index, ascending; empty where leaks cannot be judged.
  public let unreachable: [UInt32]
  public let unreachableBytes: UInt64
  public let rootCount: Int
  public let referenceCount: UInt64
  /// What could not be read, in sentences.
  public let remarks: [String]
  /// Nil unless asked for, and where the heap was not marked.
  public private(set) var references: HeapReferences?

  /// Types, marks and groups. The result does not need the image's memory any more.
  public init(
    image: ProcessImage, walk: HeapWalk, decoder: any ObjectTypeDecoder, context: Context, options: Options = Options(),
    progress: ((Phase, Double) -> Void)? = nil
  ) throws(MemoryError) {
    let heap = TypedHeap(walk: walk, decoder: decoder) { progress?(.typing, $0) }
    self.heap = heap
    let blind =
      image.isConsistent
      ? nil
      : "the process was running while it was read: pointers moved, so leaks cannot be judged (use --freeze cow or stop)"
    let canMark = blind == nil && options.findsLeaks
    guard canMark else {
      census = Census.rows(heap)
      leaks = nil
      leaksNotJudged = blind ?? "not asked for"
      unreachable = []
      unreachableBytes = 0
      rootCount = 0
      referenceCount = 0
      remarks = []
      return
    }
    if !context.byteBuffers.isEmpty {
      let buffer = heap.addType(ObjectType(kind: .native, name: "stdio buffer", layout: .none))
      for address in context.byteBuffers {
        let index = walk.blocks.index(startingAt: address)
        if index >= 0 { heap.retype(index, buffer) }
      }
    }
    try LocalCacheReader.type(heap, memory: image.memory)
    let resolver = ReferenceResolver(heap: heap)
    progress?(.roots, 0)
    var finder = RootFinder(
      image: image, heap: heap, resolver: resolver, idle: context.idleWorkers)
    try finder.find()
    let threadLocals = ThreadLocalStorage(image)
    let threadBlocks = try finder.find(threadLocals)
    var roots = finder.roots
    let spare = try DispatchCaches(
      threads: image.threads, roots: roots, heap: heap, window: MemoryWindow(image.memory)
    ).blocks
    if !spare.isEmpty {
      let type = heap.addType(ObjectType(kind: .native, name: "spare dispatch continuation", layout: .none))
      for block in spare { heap.retype(block, type) }
    }
    if !threadBlocks.isEmpty {
      let type = heap.addType(ObjectType(kind: .native, name: "thread-local variables", layout: .none))
      for block in threadBlocks { heap.retype(block, type) }
    }
    let plans = ScanPlans(heap.types)
    var marker = Marker(
      heap: heap, resolver: resolver, plans: plans, memory: image.memory, workerCount: options.workerCount,
      taskWords: context.taskWords)
    // The allocator's thread caches are in use as long as their thread lives.
    let internals = walk.internalBlocks.map { walk.blocks.index(startingAt: $0) }.filter { $0 >= 0 }
    let total = Double(max(1, walk.blocks.count))
    let inFlight = walk.blocksInFlight.map { walk.blocks.index(startingAt: $0) }.filter { $0 >= 0 }
    // Memory that no allocator is known to own is the allocator's too: its own notes on what it handed out keep nothing that is held by
    // something else as well.
    let unclaimed = walk.isExact ? [] : roots.filter { $0.kind == .anonymous }
    if !walk.isExact { roots.removeAll { $0.kind == .anonymous } }
    try marker.mark(from: roots.lazy.map { Int($0.block) } + internals + spare + inFlight) {
      progress?(.marking, Double($0) / total)
    }
    if !unclaimed.isEmpty {
      let others = unclaimed.filter { !marker.marked.contains(Int($0.block)) }
      try marker.mark(from: others.lazy.map { Int($0.block) })
      roots += others
    }
    try marker.mark(slabsInFlight: finder.slabsInFlight)
    rootCount = roots.count
    var remarks: [String] = []
    if finder.unreadableBytes > 0 {
      remarks.append("\(finder.unreadableBytes) bytes that may hold roots could not be read")
    }
    if marker.unreadableBlocks > 0 {
      remarks.append("\(marker.unreadableBlocks) blocks could not be read whole")
    }
    let marked = marker.marked
    if options.keepsReferences {
      references = HeapReferences(
        heap: heap, resolver: resolver, plans: plans, memory: image.memory, context: context, roots: roots,
        allocatorBlocks: internals + inFlight + finder.slabsInFlight, spareBlocks: spare,
        marked: marked, workerCount: options.workerCount, allocations: options.allocations, threadLocals: threadLocals)
    }
    guard walk.isExact else {
      census = Census.rows(heap) { marked.contains($0) }
      leaks = nil
      leaksNotJudged =
        "\(walk.allocator) does not say which blocks are live: counted is what is reachable, leaks cannot be judged"
      unreachable = []
      unreachableBytes = 0
      referenceCount = marker.referenceCount
      self.remarks = remarks
      return
    }
    census = Census.rows(heap)
    var nodes: [UInt32] = []
    var bytes: UInt64 = 0
    for block in 0..<walk.blocks.count where !marked.contains(block) {
      nodes.append(UInt32(block))
      bytes += walk.blocks.size(block)
    }
    unreachable = nodes
    unreachableBytes = bytes
    progress?(.grouping, 0)
    var scanner = BlockScanner(
      heap: heap, resolver: resolver, plans: plans, memory: image.memory, taskWords: context.taskWords)
    let graph = try UnreachableGraph(nodes: nodes, scanner: &scanner)
    // Other languages' runtimes hide references in ways that only they know (compressed pointers, handles).
    let isForeign = !heap.types.contains { $0.kind != .native && $0.kind != .sideTable }
    if isForeign && !nodes.isEmpty {
      remarks.append(
        "no Swift object is in this heap; another language's runtime may hide pointers, so leaks are only possible here"
      )
    }
    let isDoubtful = walk.checks.contains { !$0.passed } || !remarks.isEmpty
    leaks =
      LeakFinder(
        heap: heap, graph: graph, isDoubtful: isDoubtful, allocations: options.allocations,
        describeTask: context.describeTask, taskInfo: context.taskInfo
      ).groups()
    leaksNotJudged = nil
    referenceCount = marker.referenceCount
    self.remarks = remarks
  }
}
