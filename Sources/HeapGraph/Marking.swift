import Malloc
import ProcessImage
import SwiftMetadata

/// What the roots of an image reach in its heap, with what it took to find out: who holds what is asked of it later.
struct Marking {
  let resolver: ReferenceResolver
  let plans: ScanPlans
  /// Words outside the heap that refer to a block.
  let roots: [Root]
  let threadLocals: ThreadLocalStorage
  /// Blocks that are in use without a reference: the allocator's caches for threads, and what threads have in their hands.
  let allocatorBlocks: [Int]
  /// Continuations that libdispatch keeps for reuse.
  let spareBlocks: [Int]
  /// Blocks that are reached.
  let marked: Bitmap
  let referenceCount: UInt64
  let oddReferences: OddReferences
  /// Threads that have ended and that nobody has joined or detached.
  let unjoinedThreads: Int
  /// Which types of reached blocks refer to which; nil where nobody asks for that.
  let typeEdges: TypeEdges?
  /// What could not be read, in sentences.
  let remarks: [String]

  /// Finds the roots and follows them. Blocks that only their place tells get their types first.
  ///
  /// - Parameter progress: called with the phase and the share of it that is done, 0...1.
  init(
    _ image: ProcessImage, _ heap: TypedHeap, context: HeapAnalysis.Context, workerCount: Int,
    keepsTypeEdges: Bool = false, mustStop: (@Sendable () -> Bool)? = nil,
    progress: ((HeapAnalysis.Phase, Double) -> Void)?
  ) throws(MemoryError) {
    let walk = heap.walk
    try Self.typeByPlace(heap, image, context)
    resolver = ReferenceResolver(heap: heap)
    progress?(.roots, 0)
    var finder = RootFinder(image: image, heap: heap, resolver: resolver, idle: context.idleWorkers)
    try finder.find()
    threadLocals = ThreadLocalStorage(image)
    let threadBlocks = try finder.find(threadLocals)
    var roots = finder.roots
    spareBlocks = try DispatchCaches(
      threads: image.threads, roots: roots, heap: heap, window: MemoryWindow(image.memory)
    ).blocks
    Self.retype(spareBlocks, as: TypedHeap.spareContinuationName, heap)
    Self.retype(threadBlocks, as: "thread-local variables", heap)
    plans = ScanPlans(heap.types)
    var marker = Marker(
      heap: heap, resolver: resolver, plans: plans, memory: image.memory, workerCount: workerCount,
      keepsTypeEdges: keepsTypeEdges, mustStop: mustStop, taskWords: context.taskWords)
    // The allocator's thread caches are in use as long as their thread lives.
    let inUse = Self.blocks(walk.internalBlocks + walk.blocksInFlight, in: heap)
    // Memory that no allocator is known to own is the allocator's too: its own notes on what it handed out keep nothing that is held by
    // something else as well.
    let unclaimed = walk.isExact ? [] : roots.filter { $0.kind == .anonymous }
    if !walk.isExact { roots.removeAll { $0.kind == .anonymous } }
    let total = Double(max(1, walk.blocks.count))
    try marker.mark(from: roots.lazy.map { Int($0.block) } + spareBlocks + inUse) {
      progress?(.marking, Double($0) / total)
    }
    if !unclaimed.isEmpty {
      let others = unclaimed.filter { !marker.marked.contains(Int($0.block)) }
      try marker.mark(from: others.lazy.map { Int($0.block) })
      roots += others
    }
    unjoinedThreads = finder.unjoinedThreads
    try marker.mark(slabsInFlight: finder.slabsInFlight)
    if walk.isExact, let places = OddPlaces(walk.blocks, marked: marker.marked) {
      let found = try finder.roots(at: places)
      oddReferences = try marker.mark(fromOddPlaces: places, roots: found.map { Int($0.block) })
      roots += found
    } else {
      oddReferences = OddReferences()
    }
    if walk.isExact { try marker.findLostSideTables() }
    self.roots = roots
    allocatorBlocks = inUse + finder.slabsInFlight
    marked = marker.marked
    referenceCount = marker.referenceCount
    typeEdges = marker.edges
    remarks = Self.unread(rootBytes: finder.unreadableBytes, blocks: marker.unreadableBlocks)
  }

  private static func unread(rootBytes: UInt64, blocks: Int) -> [String] {
    (rootBytes > 0 ? ["\(rootBytes) bytes that may hold roots could not be read"] : [])
      + (blocks > 0 ? ["\(blocks) blocks could not be read whole"] : [])
  }

  private static func blocks(_ addresses: [UInt64], in heap: TypedHeap) -> [Int] {
    addresses.map { heap.blocks.index(startingAt: $0) }.filter { $0 >= 0 }
  }

  /// Types blocks whose contents do not tell what they are, but where they are known from.
  private static func typeByPlace(
    _ heap: TypedHeap, _ image: ProcessImage, _ context: HeapAnalysis.Context
  ) throws(MemoryError) {
    retype(blocks(context.byteBuffers, in: heap), as: "stdio buffer", heap)
    // Exceptions in it hold what they carry.
    let reserve = try ExceptionReserve.blocks(heap, image: image)
    retype(reserve, as: "reserve for C++ exceptions", heap, layout: .conservative)
    try LocalCacheReader.type(heap, memory: image.memory)
  }

  /// Gives blocks a type that no metadata describes; the bytes of most are never references.
  private static func retype(_ blocks: [Int], as name: String, _ heap: TypedHeap, layout: ObjectLayout = .none) {
    guard !blocks.isEmpty else { return }
    let type = heap.addType(ObjectType(kind: .native, name: name, layout: layout))
    for block in blocks { heap.retype(block, type) }
  }

  /// Blocks that are not reached, ascending. O(blocks).
  func unreachable(in heap: TypedHeap) -> [UInt32] {
    (0..<heap.blocks.count).lazy.filter { !marked.contains($0) }.map { UInt32($0) }
  }
}
