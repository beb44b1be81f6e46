import Malloc
import ProcessImage
import SwiftMetadata
import Synchronization

/// Marks what the roots reach: breadth first, level by level, each level read in address order by all cores.
///
/// The image may be far larger than our memory, so blocks are streamed from it once each and no edges are kept. Collectors that mark depth first
/// run out of stack where memory is short, and look through the heap again for what fell off it (R. Jones, A. Hosking, E. Moss, "The Garbage
/// Collection Handbook", 2nd ed. 2023, 2.6). A level is a set, so it never takes more than a bit a block, and nothing is read
/// twice. O(blocks + references) time; three bits a block, one more a worker, and one for each kind of reference that keeps nothing.
struct Marker {
  let heap: TypedHeap
  let resolver: ReferenceResolver
  let plans: ScanPlans
  let memory: any MemoryReader
  let taskWords: @Sendable (UInt64) -> TaskWords
  let workerCount: Int

  /// Reached from a root.
  let marked: Bitmap
  /// The next level, where it is large.
  private let next: Bitmap
  private(set) var referenceCount: UInt64 = 0
  private(set) var unreadableBlocks = 0
  /// Which types of marked blocks refer to which; nil where nobody asks for that.
  private(set) var edges: TypeEdges?

  private let mustStop: (@Sendable () -> Bool)?

  /// Blocks to be read, in ascending order: a list while they are few, a bit each else.
  private enum Level {
    case list([UInt32])
    /// All of `next`, and how many these are.
    case bits(Int)

    var count: Int {
      switch self {
      case .list(let blocks): blocks.count
      case .bits(let count): count
      }
    }
  }

  init(
    heap: TypedHeap, resolver: ReferenceResolver, plans: ScanPlans, memory: any MemoryReader, workerCount: Int,
    keepsTypeEdges: Bool = false, mustStop: (@Sendable () -> Bool)? = nil,
    taskWords: @escaping @Sendable (UInt64) -> TaskWords
  ) {
    self.mustStop = mustStop
    edges = keepsTypeEdges ? TypeEdges() : nil
    self.heap = heap
    self.resolver = resolver
    self.plans = plans
    self.memory = memory
    self.workerCount = max(1, workerCount)
    self.taskWords = taskWords
    marked = Bitmap(count: heap.blocks.count)
    next = Bitmap(count: heap.blocks.count)
  }

  /// Levels up to this size are not worth waking other cores for.
  private static let smallLevel = 2048

  /// Marks everything reachable from `roots` (block indices).
  ///
  /// Throws `targetGone` also where it must stop.
  ///
  /// - Parameter progress: called after each level with the number of blocks marked so far.
  mutating func mark(from roots: some Sequence<Int>, progress: ((Int) -> Void)? = nil) throws(MemoryError) {
    var level: [UInt32] = []
    for block in roots where marked.insertIfAbsent(block) {
      if !plans.plans[heap.typeIndex(block)].isLeaf { level.append(UInt32(block)) }
    }
    level.sort()
    try mark(.list(level), makeWorkers(.none), progress: progress)
  }

  /// Marks what only odd places refer to, those of marked blocks and the given ones, and all that is reached from there. Reads all marked memory
  /// without a type once more.
  ///
  /// - Parameter roots: blocks that odd places outside the heap refer to.
  /// - Returns: what was found.
  mutating func mark(fromOddPlaces places: OddPlaces, roots: [Int]) throws(MemoryError) -> OddReferences {
    next.removeAll()
    var count = 0
    for block in 0..<heap.blocks.count where marked.contains(block) {
      let plan = plans.plans[heap.typeIndex(block)]
      guard plan.isNative && plan.kind == .conservative else { continue }
      next.insert(block)
      count += 1
    }
    let workers = makeWorkers(.search(places))
    try read(.bits(count), workers) { worker, blocks throws(MemoryError) in try worker.scanOddPlaces(blocks) }
    try mark(merge(workers), workers, progress: nil)
    var level: [UInt32] = []
    for block in roots where marked.insertIfAbsent(block) { level.append(UInt32(block)) }
    level.sort()
    try mark(.list(level), workers, progress: nil)
    return OddReferences(workers.flatMap(\.scanner.oddReferences))
  }

  private func makeWorkers(_ oddPlaces: OddPlaceScan) -> [Worker] {
    (0..<workerCount).map { _ in
      Worker(
        scanner: BlockScanner(
          heap: heap, resolver: resolver, plans: plans, memory: memory, taskWords: taskWords, oddPlaces: oddPlaces),
        sink: MarkSink(heap: heap, marked: marked, edges: edges))
    }
  }

  /// Goes on from blocks that are marked already, sorted.
  private mutating func mark(
    _ first: Level, _ workers: [Worker], progress: ((Int) -> Void)?
  ) throws(MemoryError) {
    var level = first
    var total = level.count
    var reported = 0
    var asked = 0
    while level.count > 0 {
      if total - asked > Self.reportInterval {
        asked = total
        try askToGoOn()
      }
      if case .list(var blocks) = level, blocks.count <= Self.tinyLevel {
        level = .list([])
        level = try scanTiny(&blocks, workers[0])
        total += level.count
        if total - reported > Self.reportInterval {
          reported = total
          progress?(total)
        }
        continue
      }
      try read(level, workers) { worker, blocks throws(MemoryError) in try worker.scan(blocks) }
      level = try merge(workers)
      total += level.count
      progress?(total)
    }
    try markDeinitialised(workers)
    try findEmptySideTables(workers[0])
    referenceCount = workers.reduce(referenceCount) { $0 + $1.sink.referenceCount }
    unreadableBlocks = workers.reduce(unreadableBlocks) { $0 + $1.scanner.unreadableBlocks }
    for worker in workers { worker.sink.edges.map { edges?.add($0) } }
  }

  /// Levels up to this size come by the million: a chain has one block in each.
  private static let tinyLevel = 16
  private static let reportInterval = 1 << 16

  /// Scans a tiny level and returns the next one, in most cases with no allocation and no other thread.
  private func scanTiny(_ level: inout [UInt32], _ worker: Worker) throws(MemoryError) -> Level {
    try worker.scan(level[...])
    // One block may refer to millions.
    if worker.sink.isFull { return try merge([worker]) }
    level.removeAll(keepingCapacity: true)
    if !worker.sink.sideTables.isEmpty { try retypeSideTables([worker]) }
    for target in worker.sink.targets {
      worker.sink.found[word: Int(target) >> 6] = 0
      if marked.insertIfAbsent(Int(target)), !plans.plans[heap.typeIndex(Int(target))].isLeaf { level.append(target) }
    }
    worker.sink.removeTargets()
    if level.count > 1 { level.sort() }
    return .list(level)
  }

  /// Has the workers read a level, piece by piece.
  private func read(
    _ level: Level, _ workers: [Worker], _ piece: @Sendable (Worker, ArraySlice<UInt32>) throws(MemoryError) -> Void
  ) throws(MemoryError) {
    switch level {
    case .list(let blocks):
      guard workers.count > 1, blocks.count > Self.smallLevel else { return try piece(workers[0], blocks[...]) }
      // Pieces in address order, taken as workers come free.
      try share(blocks.count, max(Self.smallLevel, blocks.count / (workers.count * 8)), workers) {
        worker, range throws(MemoryError) in try piece(worker, blocks[range])
      }
    case .bits:
      try share(next.wordCount, Self.wordsInPiece, workers) { worker, range throws(MemoryError) in
        if range.lowerBound & Self.askedWords == 0 { try askToGoOn() }
        let blocks = next.elements(inWords: range)
        if !blocks.isEmpty { try piece(worker, blocks[...]) }
      }
    }
  }

  private func askToGoOn() throws(MemoryError) {
    if mustStop?() == true { throw .targetGone }
  }

  /// It is asked every so many words, a power of two, less one.
  private static let askedWords = 1 << 12 - 1
  /// Words of a level's bits that are read at once: up to 16,384 blocks.
  private static let wordsInPiece = 256

  private func share(
    _ count: Int, _ pieceSize: Int, _ workers: [Worker],
    _ piece: @Sendable (Worker, Range<Int>) throws(MemoryError) -> Void
  ) throws(MemoryError) {
    let next = Atomic<Int>(0)
    let failure = Mutex<MemoryError?>(nil)
    ThreadTeam.perform(workers.count) { index in
      while true {
        let start = next.wrappingAdd(pieceSize, ordering: .relaxed).oldValue
        guard start < count else { return }
        do throws(MemoryError) {
          try piece(workers[index], start..<min(count, start + pieceSize))
        } catch {
          failure.withLock { $0 = error }
          return
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  private func merge(_ workers: [Worker]) throws(MemoryError) -> Level {
    let few = heap.blocks.count / MarkSink.share
    let isLarge = workers.contains { $0.sink.isFull } || workers.reduce(0) { $0 + $1.sink.targets.count } > few
    return try isLarge ? mergeByBitmap(workers) : .list(mergeByList(workers))
  }

  /// The next level, sorted, from the workers' lists: cheap for the many small levels of a long chain.
  private func mergeByList(_ workers: [Worker]) throws(MemoryError) -> [UInt32] {
    var level: [UInt32] = []
    for worker in workers {
      for target in worker.sink.targets {
        worker.sink.found[word: Int(target) >> 6] = 0
        if marked.insertIfAbsent(Int(target)) { level.append(target) }
      }
      worker.sink.removeTargets()
    }
    try retypeSideTables(workers)
    level.removeAll { plans.plans[heap.typeIndex(Int($0))].isLeaf }
    level.sort()
    return level
  }

  /// The next level from the workers' bitmaps: sorted by construction.
  private func mergeByBitmap(_ workers: [Worker]) throws(MemoryError) -> Level {
    try retypeSideTables(workers)
    var count = 0
    for word in 0..<marked.wordCount {
      var new: UInt64 = 0
      for worker in workers {
        new |= worker.sink.found[word: word]
        worker.sink.found[word: word] = 0
      }
      new &= ~marked[word: word]
      marked[word: word] |= new
      var rest = new
      while rest != 0 {
        let bit = rest & (0 &- rest)
        if plans.plans[heap.typeIndex(word << 6 + rest.trailingZeroBitCount)].isLeaf { new &= ~bit }
        rest &= rest - 1
      }
      next[word: word] = new
      count += new.nonzeroBitCount
    }
    for worker in workers { worker.sink.removeTargets() }
    return .bits(count)
  }

  /// A block that a weak reference points to is a side table, unless it is too large for one or has a type and no object names it: behind what
  /// the case of an enum takes up lie words of another case.
  private func retypeSideTables(_ workers: [Worker]) throws(MemoryError) {
    for worker in workers {
      try worker.sink.sideTables.visit { table throws(MemoryError) in
        guard Self.sideTableBytes.contains(heap.blocks.size(table)) else { return }
        let type = heap.typeIndex(table)
        guard type != TypedHeap.sideTable else { return }
        var isTable = type == TypedHeap.unknown
        if !isTable { isTable = try workers[0].scanner.isNamedSideTable(table) }
        if isTable { heap.retype(table, TypedHeap.sideTable) }
      }
      worker.sink.sideTables.removeAll()
    }
  }

  /// The runtime asks for 32 bytes; allocators round up.
  private static let sideTableBytes: ClosedRange<UInt64> = 24...64

  /// Tells side tables whose object is gone from those of living ones. O(blocks), by address.
  private func findEmptySideTables(_ worker: Worker) throws(MemoryError) {
    for block in 0..<heap.blocks.count where heap.typeIndex(block) == TypedHeap.sideTable {
      if try worker.scanner.isOfDeinitialised(sideTable: block) { heap.retype(block, TypedHeap.emptySideTable) }
    }
  }

  /// Side tables to which nothing leads, and whose object is gone: the memory with their weak references was freed without ending these.
  /// O(blocks without a type that are not marked).
  func findLostSideTables() throws(MemoryError) {
    let window = MemoryWindow(memory)
    for block in 0..<heap.blocks.count where !marked.contains(block) && heap.typeIndex(block) == TypedHeap.unknown {
      let start = heap.blocks.address(block)
      guard heap.blocks.size(block) >= 32, Self.sideTableBytes.contains(heap.blocks.size(block)),
        try window.load(start..<start + 32)
      else { continue }
      let isLost = ReferenceResolver.isLostSideTable(
        object: window.word(start), counts: window.word(start + 16),
        weakCount: UInt32(truncatingIfNeeded: window.word(start + 24)))
      if isLost { heap.retype(block, TypedHeap.emptySideTable) }
    }
  }

  /// Marks slabs that nothing but a thread's hands reach, and those behind them; what lies in them is dead.
  func mark(slabsInFlight: [Int]) throws(MemoryError) {
    let window = MemoryWindow(memory)
    for slab in slabsInFlight {
      var slab = slab
      while slab >= 0, resolver.isTaskMemory(slab), marked.insertIfAbsent(slab) {
        // TaskAllocatorSlab: {metadata, next, …}
        let next = heap.blocks.address(slab) + 8
        guard heap.blocks.size(slab) >= 16, try window.load(next..<next + 8) else { break }
        slab = heap.blocks.index(startingAt: window.word(next))
      }
    }
  }

  /// Marks objects that only unowned references still hold: their deinit has run and their fields are gone, so they lead
  /// nowhere, but their memory waits for the references to go.
  private func markDeinitialised(_ workers: [Worker]) throws(MemoryError) {
    for worker in workers {
      try worker.sink.unowned.visit { candidate throws(MemoryError) in
        guard !marked.contains(candidate) else { return }
        if try workers[0].scanner.isDeinitialised(candidate) { marked.insert(candidate) }
      }
      worker.sink.unowned.removeAll()
    }
  }
}

/// One thread's scanner and what it found. Each is used by one thread at a time; levels are separated by a barrier.
private final class Worker: @unchecked Sendable {
  var scanner: BlockScanner
  var sink: MarkSink

  init(scanner: BlockScanner, sink: MarkSink) {
    self.scanner = scanner
    self.sink = sink
  }

  func scan(_ blocks: ArraySlice<UInt32>) throws(MemoryError) {
    let start = blocks.startIndex
    try scanner.scan(count: blocks.count, { Int(blocks[start + $0]) }, into: &sink)
  }

  func scanOddPlaces(_ blocks: ArraySlice<UInt32>) throws(MemoryError) {
    let start = blocks.startIndex
    try scanner.scanOddPlaces(count: blocks.count, { Int(blocks[start + $0]) }, into: &sink)
  }
}
