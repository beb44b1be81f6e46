import Malloc
import ProcessImage
import SwiftMetadata
import Synchronization

/// Marks what the roots reach: breadth first, level by level, each level read in address order by all cores.
///
/// The image may be far larger than our memory, so blocks are streamed from it once each and no edges are kept: two bits a
/// block and the current level are all the state. O(blocks + references) time.
struct Marker {
  let heap: TypedHeap
  let resolver: ReferenceResolver
  let plans: ScanPlans
  let memory: any MemoryReader
  let taskWords: @Sendable (UInt64) -> TaskWords
  let workerCount: Int

  /// Reached from a root.
  let marked: Bitmap
  private(set) var referenceCount: UInt64 = 0
  private(set) var unreadableBlocks = 0

  init(
    heap: TypedHeap, resolver: ReferenceResolver, plans: ScanPlans, memory: any MemoryReader, workerCount: Int,
    taskWords: @escaping @Sendable (UInt64) -> TaskWords
  ) {
    self.heap = heap
    self.resolver = resolver
    self.plans = plans
    self.memory = memory
    self.workerCount = max(1, workerCount)
    self.taskWords = taskWords
    marked = Bitmap(count: heap.blocks.count)
  }

  /// Levels up to this size are not worth waking other cores for.
  private static let smallLevel = 2048

  /// Marks everything reachable from `roots` (block indices).
  ///
  /// - Parameter progress: called after each level with the number of blocks marked so far.
  mutating func mark(from roots: some Sequence<Int>, progress: ((Int) -> Void)? = nil) throws(MemoryError) {
    var level: [UInt32] = []
    for block in roots where marked.insertIfAbsent(block) {
      if !plans.plans[heap.typeIndex(block)].isLeaf { level.append(UInt32(block)) }
    }
    level.sort()
    try mark(level, makeWorkers(.none), progress: progress)
  }

  /// Marks what only odd places refer to, those of marked blocks and the given ones, and all that is reached from there. Reads all marked memory
  /// without a type once more.
  ///
  /// - Parameter roots: blocks that odd places outside the heap refer to.
  /// - Returns: what was found.
  mutating func mark(fromOddPlaces places: OddPlaces, roots: [Int]) throws(MemoryError) -> OddReferences {
    var level: [UInt32] = []
    for block in 0..<heap.blocks.count where marked.contains(block) {
      let plan = plans.plans[heap.typeIndex(block)]
      if plan.isNative && plan.kind == .conservative { level.append(UInt32(block)) }
    }
    let workers = makeWorkers(.search(places))
    try read(level, workers) { worker, level, range throws(MemoryError) in try worker.scanOddPlaces(level, range) }
    level = try mergeByList(workers)
    for block in roots where marked.insertIfAbsent(block) { level.append(UInt32(block)) }
    level.sort()
    try mark(level, workers, progress: nil)
    return OddReferences(workers.flatMap(\.scanner.oddReferences))
  }

  private func makeWorkers(_ oddPlaces: OddPlaceScan) -> [Worker] {
    (0..<workerCount).map { _ in
      Worker(
        scanner: BlockScanner(
          heap: heap, resolver: resolver, plans: plans, memory: memory, taskWords: taskWords, oddPlaces: oddPlaces),
        sink: MarkSink(marked: marked, found: Bitmap(count: heap.blocks.count)))
    }
  }

  /// Goes on from blocks that are marked already, sorted.
  private mutating func mark(
    _ first: [UInt32], _ workers: [Worker], progress: ((Int) -> Void)?
  ) throws(MemoryError) {
    var level = first
    var total = level.count
    var reported = 0
    while !level.isEmpty {
      if level.count <= Self.tinyLevel {
        try scanTiny(&level, workers[0])
        total += level.count
        if total - reported > Self.reportInterval {
          reported = total
          progress?(total)
        }
        continue
      }
      try read(level, workers) { worker, level, range throws(MemoryError) in try worker.scan(level, range) }
      let isLarge = workers.reduce(0) { $0 + $1.sink.targets.count } > heap.blocks.count / 64
      level = try isLarge ? mergeByBitmap(workers) : mergeByList(workers)
      total += level.count
      progress?(total)
    }
    try markDeinitialised(workers)
    try findEmptySideTables(workers[0])
    referenceCount = workers.reduce(referenceCount) { $0 + $1.sink.referenceCount }
    unreadableBlocks = workers.reduce(unreadableBlocks) { $0 + $1.scanner.unreadableBlocks }
  }

  /// Levels up to this size come by the million: a chain has one block in each.
  private static let tinyLevel = 16
  private static let reportInterval = 1 << 16

  /// Scans a tiny level and makes it the next one, with no allocation and no other thread.
  private func scanTiny(_ level: inout [UInt32], _ worker: Worker) throws(MemoryError) {
    try worker.scan(level, 0..<level.count)
    level.removeAll(keepingCapacity: true)
    if !worker.sink.sideTables.isEmpty { try retypeSideTables([worker]) }
    for target in worker.sink.targets {
      worker.sink.found[word: Int(target) >> 6] = 0
      if marked.insertIfAbsent(Int(target)), !plans.plans[heap.typeIndex(Int(target))].isLeaf { level.append(target) }
    }
    worker.sink.targets.removeAll(keepingCapacity: true)
    if level.count > 1 { level.sort() }
  }

  /// Has the workers read a level, piece by piece.
  private func read(
    _ level: [UInt32], _ workers: [Worker],
    _ piece: @Sendable (Worker, [UInt32], Range<Int>) throws(MemoryError) -> Void
  ) throws(MemoryError) {
    guard workers.count > 1, level.count > Self.smallLevel else { return try piece(workers[0], level, 0..<level.count) }
    // Pieces in address order, taken as workers come free.
    let pieceSize = max(Self.smallLevel, level.count / (workers.count * 8))
    let next = Atomic<Int>(0)
    let failure = Mutex<MemoryError?>(nil)
    ThreadTeam.perform(workers.count) { index in
      while true {
        let start = next.wrappingAdd(pieceSize, ordering: .relaxed).oldValue
        guard start < level.count else { return }
        do throws(MemoryError) {
          try piece(workers[index], level, start..<min(level.count, start + pieceSize))
        } catch {
          failure.withLock { $0 = error }
          return
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// The next level, sorted, from the workers' lists: cheap for the many small levels of a long chain.
  private func mergeByList(_ workers: [Worker]) throws(MemoryError) -> [UInt32] {
    var level: [UInt32] = []
    for worker in workers {
      for target in worker.sink.targets {
        worker.sink.found[word: Int(target) >> 6] = 0
        if marked.insertIfAbsent(Int(target)) { level.append(target) }
      }
      worker.sink.targets.removeAll(keepingCapacity: true)
    }
    try retypeSideTables(workers)
    level.removeAll { plans.plans[heap.typeIndex(Int($0))].isLeaf }
    level.sort()
    return level
  }

  /// The next level from the workers' bitmaps: sorted by construction.
  private func mergeByBitmap(_ workers: [Worker]) throws(MemoryError) -> [UInt32] {
    try retypeSideTables(workers)
    var level: [UInt32] = []
    for word in 0..<marked.wordCount {
      var new: UInt64 = 0
      for worker in workers {
        new |= worker.sink.found[word: word]
        worker.sink.found[word: word] = 0
      }
      new &= ~marked[word: word]
      guard new != 0 else { continue }
      marked[word: word] |= new
      while new != 0 {
        let block = word << 6 + new.trailingZeroBitCount
        if !plans.plans[heap.typeIndex(block)].isLeaf { level.append(UInt32(block)) }
        new &= new - 1
      }
    }
    for worker in workers { worker.sink.targets.removeAll(keepingCapacity: true) }
    return level
  }

  /// A block that a weak reference points to is a side table, unless it is too large for one or has a type and no object names it: behind what
  /// the case of an enum takes up lie words of another case.
  private func retypeSideTables(_ workers: [Worker]) throws(MemoryError) {
    for worker in workers {
      for table in worker.sink.sideTables where Self.sideTableBytes.contains(heap.blocks.size(Int(table))) {
        let type = heap.typeIndex(Int(table))
        guard type != TypedHeap.sideTable else { continue }
        var isTable = type == TypedHeap.unknown
        if !isTable { isTable = try workers[0].scanner.isNamedSideTable(Int(table)) }
        if isTable { heap.retype(Int(table), TypedHeap.sideTable) }
      }
      worker.sink.sideTables.removeAll(keepingCapacity: true)
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
      for candidate in worker.sink.unowned where !marked.contains(Int(candidate)) {
        if try workers[0].scanner.isDeinitialised(Int(candidate)) { marked.insert(Int(candidate)) }
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

  func scan(_ level: [UInt32], _ range: Range<Int>) throws(MemoryError) {
    let start = range.lowerBound
    try scanner.scan(count: range.count, { Int(level[start + $0]) }, into: &sink)
  }

  func scanOddPlaces(_ level: [UInt32], _ range: Range<Int>) throws(MemoryError) {
    let start = range.lowerBound
    try scanner.scanOddPlaces(count: range.count, { Int(level[start + $0]) }, into: &sink)
  }
}

/// Collects targets that are not marked yet, each once a level and worker.
private struct MarkSink: ReferenceSink {
  /// All levels before this one; only read while a level is scanned.
  let marked: Bitmap
  /// This worker's finds of this level, to list each once.
  let found: Bitmap
  var targets: [UInt32] = []
  var sideTables: [UInt32] = []
  var unowned: [UInt32] = []
  var referenceCount: UInt64 = 0

  init(marked: Bitmap, found: Bitmap) {
    self.marked = marked
    self.found = found
  }

  @inline(__always)
  mutating func reference(from source: Int, offset: UInt64, to target: Int, _ strength: ReferenceSlot.Strength) {
    referenceCount &+= 1
    switch strength {
    case .strong, .pointer, .ambiguous, .number: break
    case .weak: sideTables.append(UInt32(target))
    case .unowned:
      if !marked.contains(target) { unowned.append(UInt32(target)) }
      return
    }
    if !marked.contains(target) && found.insertIfAbsent(target) { targets.append(UInt32(target)) }
  }
}
