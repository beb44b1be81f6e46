import Malloc
import ProcessImage
import SwiftMetadata

/// Reads one block after the other and reports the references in them, each type's way. One a thread.
///
/// Believing only words that can hold a reference is what makes leaks exact: spare array slots, empty buckets, the slack that
/// `malloc` adds and the text of strings are full of pointers that once meant something.
struct BlockScanner {
  let heap: TypedHeap
  let resolver: ReferenceResolver
  let plans: ScanPlans
  /// Which of a task's words mean something: queues' links keep their last value when the task has left the queue.
  let taskWords: @Sendable (_ address: UInt64) -> TaskWords
  let window: MemoryWindow
  /// Side tables are recognised by reading the object they claim to be of: that must not move the main window.
  let sideWindow: MemoryWindow
  /// Words of a task that point into tasks' memory lead to a handful of pages, back and forth: a window would be filled for each anew.
  let taskPages: PagedMemory
  private static let taskPageCount = 64
  /// Blocks, or parts of them, that the image could not deliver.
  var unreadableBlocks = 0
  var oddPlaces: OddPlaceScan
  /// Blocks are scanned in their order.
  private var cursor = BlockCursor()
  /// What was found by a search of odd places.
  var oddReferences: [OddReferences.Reference] = []

  init(
    heap: TypedHeap, resolver: ReferenceResolver, plans: ScanPlans, memory: any MemoryReader,
    taskWords: @escaping @Sendable (UInt64) -> TaskWords, oddPlaces: OddPlaceScan = .none
  ) {
    self.heap = heap
    self.oddPlaces = oddPlaces
    self.resolver = resolver
    self.plans = plans
    self.taskWords = taskWords
    window = MemoryWindow(memory)
    sideWindow = MemoryWindow(memory)
    taskPages = PagedMemory(memory, pageCount: Self.taskPageCount)
  }

  /// Gap between two blocks that is cheaper to read than to skip (a system call costs about as much as copying this), in bytes.
  private static let readAcross: UInt64 = 8 << 10
  /// Blocks up to this size are loaded together with their neighbours.
  private static let wholeBlock: UInt64 = 64 << 10

  /// Scans blocks in ascending order of index, reading neighbours together.
  mutating func scan(
    count: Int, _ block: (Int) -> Int, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    try visit(count: count, block) { scanner, block throws(MemoryError) in try scanner.scan(block, into: &sink) }
  }

  /// Calls the closure with blocks in ascending order of index, whose memory has been read with that of their neighbours.
  @inline(__always)
  mutating func visit(
    count: Int, _ block: (Int) -> Int, _ body: (inout BlockScanner, Int) throws(MemoryError) -> Void
  ) throws(MemoryError) {
    var position = 0
    var ahead = BlockCursor()
    while position < count {
      // A run of small blocks close to each other is read at once.
      let (start, size) = heap.blocks.extent(block(position), &ahead)
      var end = start + size
      var next = position + 1
      if end - start <= Self.wholeBlock {
        while next < count {
          let (address, size) = heap.blocks.extent(block(next), &ahead)
          let candidateEnd = address + size
          guard address >= end, address - end <= Self.readAcross, candidateEnd - address <= Self.wholeBlock,
            candidateEnd - start <= UInt64(MemoryWindow.capacity)
          else { break }
          end = candidateEnd
          next += 1
        }
        // If the run as a whole cannot be read, each block is tried alone below.
        _ = try window.load(start..<end)
      }
      for index in position..<next { try body(&self, block(index)) }
      position = next
    }
  }

  /// Scans one block.
  mutating func scan(_ block: Int, into sink: inout some ReferenceSink) throws(MemoryError) {
    let (address, size) = heap.blocks.extent(block, &cursor)
    let typeIndex = heap.typeIndex(block)
    let plan = plans.plans[typeIndex]
    if (plan.hasRefCounts || plan.kind == .conservative) && size >= 16 {
      guard try window.load(address..<address + 16) else {
        unreadableBlocks += 1
        return
      }
      let counts = window.word(address + 8)
      let table = resolver.sideTable(counts)
      if plan.hasRefCounts {
        // C memory that begins with a metatype looks like an object, but for its second word.
        guard ReferenceResolver.areCounts(counts) else {
          return try scanWords(block, address, from: 0, to: size, into: &sink)
        }
        if table >= 0 { sink.reference(from: block, offset: 8, to: table, .weak) }
      } else if table >= 0, heap.blocks.head(table) == address {
        // An object whose type is not known, with room that its class does not speak of: its table names it.
        sink.reference(from: block, offset: 8, to: table, .weak)
      }
    }
    switch plan.kind {
    case .none, .sideTable: break
    case .conservative:
      if typeIndex == TypedHeap.unknown && size <= 40 && size >= 24, try isNamedSideTable(block) {
        // Its object pointer never keeps the object.
        sink.reference(from: block, offset: 0, to: block, .weak)
        return
      }
      if try scanTimer(block, address, size, into: &sink) { return }
      try scanWords(block, address, from: 0, to: size, into: &sink)
      if plan.isNative { try scanOddPlaces(block, address, size, into: &sink) }
    case .fixed:
      try scanFixed(block, address, size, plan, into: &sink)
      if plan.isActor { try scanJobs(block, address, into: &sink) }
    case .array:
      try scanArray(block, address, size, plan, into: &sink)
    case .ring:
      try scanRing(block, address, size, plan, into: &sink)
    case .hashTable:
      try scanHashTable(block, address, size, plan, into: &sink)
    case .hashNode:
      try scanHashNode(block, address, size, plan, into: &sink)
    case .string:
      // A long string keeps its breadcrumbs in the last words (swiftlang/swift stdlib/public/core/StringStorage.swift).
      if size >= 1024 { try scanWords(block, address, from: size - 16, to: size, into: &sink) }
    case .taskSlab:
      guard try window.load(address..<address + min(size, 32)), size >= 32 else {
        unreadableBlocks += 1
        return
      }
      // TaskAllocatorSlab in swiftlang/swift stdlib/public/runtime/StackAllocator.h: next 8, capacity 16, used 20.
      let used = window.word(address + 16) >> 32
      report(block, 8, window.word(address + 8), .pointer, &sink)
      try scanWords(block, address, from: 32, to: min(size, 32 + used), into: &sink)
    case .task:
      try scanTask(block, address, size, into: &sink)
    }
  }

  /// Reports the target of one word.
  @inline(__always)
  func report(
    _ block: Int, _ offset: UInt64, _ word: UInt64, _ strength: ReferenceSlot.Strength, _ sink: inout some ReferenceSink
  ) {
    let target = resolver.target(word, strength)
    if target >= 0 { sink.reference(from: block, offset: offset, to: target, strength) }
  }

  /// Reports the target of a word that may be a reference. A frame of a task is none: only a whole piece of its memory is, or a task
  /// that lies in one.
  @inline(__always)
  func reportAmbiguous(
    _ block: Int, _ offset: UInt64, _ word: UInt64, _ sink: inout some ReferenceSink
  ) throws(MemoryError) {
    let target = resolver.target(word, .ambiguous)
    guard target >= 0 else { return }
    if resolver.isTaskMemory(target), target != block {
      var isHeld = heap.blocks.address(target) == word
      if !isHeld { isHeld = try resolver.isTask(word, taskPages) }
      guard isHeld else { return try reportJob(block, offset, word, &sink) }
    }
    sink.reference(from: block, offset: offset, to: target, .ambiguous)
  }

  /// Any aligned word may be a reference.
  mutating func scanWords(
    _ block: Int, _ address: UInt64, from: UInt64, to: UInt64, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    var offset = from
    while offset < to {
      let step = min(to - offset, UInt64(MemoryWindow.capacity))
      if try window.load(address + offset..<address + offset + step) {
        var position = offset
        while position + 8 <= offset + step {
          try reportAmbiguous(block, position, window.word(address + position), &sink)
          position += 8
        }
      } else {
        unreadableBlocks += 1
      }
      offset += step
    }
  }

  private mutating func scanFixed(
    _ block: Int, _ address: UInt64, _ size: UInt64, _ plan: ScanPlan, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    guard !plan.slots.isEmpty else { return }
    let extent = min(UInt64(plan.extent), size)
    guard extent <= UInt64(MemoryWindow.capacity), try window.load(address..<address + extent) else {
      unreadableBlocks += 1
      return
    }
    for index in 0..<Int(plan.slots.count) {
      let slot = plans.slots[Int(plan.slots.start) + index]
      let offset = UInt64(slot.offset)
      guard offset + 8 <= extent, isLive(slot, in: address, extent) else { continue }
      report(block, offset, window.word(address + offset), slot.strength, &sink)
    }
  }

  /// Elements [0, count) of an array: what lies behind the last element is stale.
  private mutating func scanArray(
    _ block: Int, _ address: UInt64, _ size: UInt64, _ plan: ScanPlan, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    let base = UInt64(plan.extent)
    guard size > base, plan.stride > 0, try window.load(address..<address + min(size, 32)) else { return }
    let fits = (size - base) / UInt64(plan.stride)
    let count = min(window.word(address + 16), fits)
    try scanElements(block, address, ElementRow(plan, base, count), into: &sink)
  }

  /// Slots in use, which may go on at the first one: what lies in the others has been removed.
  private mutating func scanRing(
    _ block: Int, _ address: UInt64, _ size: UInt64, _ plan: ScanPlan, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    let base = UInt64(plan.extent)
    guard size > base, base >= 40, plan.stride > 0, try window.load(address..<address + 40) else { return }
    let stride = UInt64(plan.stride)
    let capacity = window.word(address + 16)
    let count = window.word(address + 24)
    let start = window.word(address + 32)
    guard capacity <= (size - base) / stride, count <= capacity, start < max(capacity, 1) else {
      // Not the ring that its metadata promised: believe everything rather than lose a reference.
      return try scanWords(block, address, from: 16, to: size, into: &sink)
    }
    let before = min(count, capacity - start)
    try scanElements(block, address, ElementRow(plan, base + start * stride, before), into: &sink)
    try scanElements(block, address, ElementRow(plan, base, count - before), into: &sink)
  }

  /// Occupied buckets only.
  private mutating func scanHashTable(
    _ block: Int, _ address: UInt64, _ size: UInt64, _ plan: ScanPlan, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    guard size >= 64, try window.load(address..<address + 64) else { return }
    let scale = window.word(address + 32) & 0xff
    guard scale < 40 else {
      return try scanWords(block, address, from: 16, to: size, into: &sink)
    }
    let buckets = UInt64(1) << scale
    let bitmapBytes = max(buckets / 8, 8)
    let keys = window.word(address + 48) &- address
    let values = plan.hasValues ? window.word(address + 56) &- address : 0
    let bitmapStart = UInt64(plan.extent)
    guard bitmapStart + bitmapBytes <= size, keys < size, values < size else {
      // Not the table that its metadata promised: believe everything rather than lose a reference.
      return try scanWords(block, address, from: 16, to: size, into: &sink)
    }
    var occupied = [UInt64](repeating: 0, count: Int(bitmapBytes / 8))
    var loaded: UInt64 = 0
    while loaded < bitmapBytes {
      let step = min(bitmapBytes - loaded, UInt64(MemoryWindow.capacity))
      let start = address + bitmapStart + loaded
      guard try window.load(start..<start + step) else {
        unreadableBlocks += 1
        return
      }
      for word in 0..<step / 8 { occupied[Int(loaded / 8 + word)] = window.word(start + word * 8) }
      loaded += step
    }
    func fitting(_ base: UInt64, _ stride: UInt32) -> UInt64 {
      stride == 0 ? 0 : min(buckets, (size - base) / UInt64(stride))
    }
    try scanElements(
      block, address, ElementRow(plan, keys, fitting(keys, plan.stride)), occupied: occupied, into: &sink)
    if plan.hasValues {
      let row = ElementRow(
        base: values, count: fitting(values, plan.valueStride), stride: UInt64(plan.valueStride), slots: plan.valueSlots
      )
      try scanElements(block, address, row, occupied: occupied, into: &sink)
    }
  }

  /// `AsyncTask::Reserved64` (swiftlang/swift include/swift/ABI/Task.h): never written, so it holds whatever was there before.
  private static let unwrittenTaskWord: UInt64 = 72

  /// A task believes all its words but those that nobody has written and, when it is in no queue, the links that queues thread through it.
  private mutating func scanTask(
    _ block: Int, _ address: UInt64, _ size: UInt64, into sink: inout some ReferenceSink
  ) throws(MemoryError) {
    guard size <= UInt64(MemoryWindow.capacity), try window.load(address..<address + size) else {
      unreadableBlocks += 1
      return
    }
    var links: [Int] = []
    if case .task(let schedulerLinks) = heap.type(block).layout { links = schedulerLinks }
    let words = taskWords(address)
    // The runtime asks for a multiple of 16 bytes; the 8 that `malloc` can spare behind them are not the task's.
    let extent = min(size & ~15, max(words.end, address) - address)
    var offset: UInt64 = 16
    while offset + 8 <= extent {
      let word = window.word(address + offset)
      if offset != Self.unwrittenTaskWord && !words.unwritten.contains(where: { $0.contains(address + offset) })
        && (!links.contains(Int(offset)) || (words.linksAreInUse && isLink(word)))
      {
        try reportAmbiguous(block, offset, word, &sink)
      }
      offset += 8
    }
  }

  /// A queue links tasks that are all queued, and jobs that are no Swift objects; a task that waits for a timer is queued without a
  /// link, and its words are stale.
  private func isLink(_ word: UInt64) -> Bool {
    let target = resolver.target(word, .ambiguous)
    guard target >= 0 else { return false }
    switch heap.type(target).kind {
    case .task: return taskWords(heap.blocks.address(target)).linksAreInUse
    case .native: return true
    default: return heap.typeIndex(target) == TypedHeap.unknown
    }
  }

  /// An unknown small block is a side table if the object that its first word points to names it in its reference counts.
  mutating func isNamedSideTable(_ block: Int) throws(MemoryError) -> Bool {
    let object = heap.blocks.index(startingAt: heap.blocks.head(block))
    guard object >= 0, heap.blocks.size(object) >= 16, plans.plans[heap.typeIndex(object)].hasRefCounts else {
      return false
    }
    let start = heap.blocks.address(object)
    guard try sideWindow.load(start..<start + 16) else { return false }
    let refCounts = sideWindow.word(start + 8)
    return refCounts >> 62 == 3 && refCounts << 3 == heap.blocks.address(block)
  }

  /// The word at `offset` of a block is a reference to this block, and not a pointer to something inside it.
  func holdsItself(_ block: Int, offset: UInt64) throws(MemoryError) -> Bool {
    let address = heap.blocks.address(block)
    guard try sideWindow.load(address + offset..<address + offset + 8) else { return false }
    return sideWindow.word(address + offset) & ReferenceResolver.addressMask == address
  }

  /// The object's deinit has run. Its counts are in the object, or in its side table once it has been referenced weakly
  /// (`HeapObjectSideTableEntry`: object 0, counts 16; swiftlang/swift stdlib/public/SwiftShims/RefCount.h).
  mutating func isDeinitialised(_ block: Int) throws(MemoryError) -> Bool {
    let start = heap.blocks.address(block)
    guard heap.blocks.size(block) >= 16, try sideWindow.load(start..<start + 16) else { return false }
    let refCounts = sideWindow.word(start + 8)
    let table = resolver.sideTable(refCounts)
    guard table >= 0 else { return ReferenceResolver.isDeiniting(refCounts) }
    return try isOfDeinitialised(sideTable: table)
  }

  /// The object that a side table belongs to is gone, or only unowned references keep its memory.
  mutating func isOfDeinitialised(sideTable table: Int) throws(MemoryError) -> Bool {
    let counts = heap.blocks.address(table) + 16
    guard heap.blocks.size(table) >= 24, try sideWindow.load(counts..<counts + 8) else { return false }
    return ReferenceResolver.isDeiniting(sideWindow.word(counts))
  }
}
