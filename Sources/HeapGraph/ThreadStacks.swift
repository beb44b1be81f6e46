import ProcessImage

/// Which parts of an anonymous mapping can hold roots, given the threads whose stacks lie in it.
///
/// glibc puts a thread's control block (TCB) and static TLS at the top of its stack and keeps the stacks of finished threads
/// for the next ones; their contents are history. A TCB is recognised by the two words that hold its own address
/// (`tcbhead_t.tcb` and `.self`, sysdeps/x86_64/nptl/tls.h, glibc 2.31-2.42).
struct ThreadStacks {
  private(set) var ranges: [(Range<UInt64>, Root.Kind)] = []
  /// Stacks of threads that have ended and wait to be joined.
  private(set) var unjoined = 0

  /// Control blocks are aligned to 64 bytes.
  static let blockMask: UInt64 = 63
  /// `tcbhead_t.dtv`.
  private static let dynamicThreadVector: UInt64 = 8
  /// `struct pthread` behind its header of 704 bytes: list links, then `tid`; with `joinid`, `result`, `start_routine` and `arg` below
  /// 0x900 in all versions (nptl/descr.h, glibc 2.31-2.42).
  private static let descriptor: Range<UInt64> = 0x2c0..<0x900
  private static let threadID: UInt64 = 0x2d0

  /// - Parameter inHand: what threads work with just now: who creates a thread has its control block there.
  init(
    mapping: Mapping, guarded: Bool, threads: ThreadPlaces, inHand: Set<UInt64> = [], window: MemoryWindow
  ) throws(MemoryError) {
    let stackPointers = threads.stackPointers(in: mapping.start..<mapping.end)
    if mapping.path == "[stack]" {
      let lowest = stackPointers.first ?? mapping.start
      ranges = [(Self.fromRedZone(lowest, mapping)..<mapping.end, .stack)]
      return
    }
    let looksLikeStack = guarded || !stackPointers.isEmpty
    guard looksLikeStack else {
      ranges = [(mapping.start..<mapping.end, .anonymous)]
      return
    }
    // Several stacks can share one mapping where guard pages leave no mapping of their own (glibc 2.42 and later).
    let controlBlocks = try Self.controlBlocks(in: mapping, window: window)
    guard !controlBlocks.isEmpty else {
      // A stack that glibc did not make (a fibre, a signal stack): all of it from the stack pointer on, or all of it.
      let lowest = stackPointers.first.map { Self.fromRedZone($0, mapping) } ?? mapping.start
      ranges = [(lowest..<mapping.end, stackPointers.isEmpty ? .anonymous : .stack)]
      return
    }
    var bottom = mapping.start
    for (index, block) in controlBlocks.enumerated() {
      let stack = try Self.stack(of: block, in: mapping, window)
      if let start = stack?.lowerBound, start > bottom {
        // A stack that the program brought along has no guard, and whatever lies below it is in the same mapping.
        ranges.append((bottom..<start, .anonymous))
        bottom = start
      }
      let guess = index + 1 < controlBlocks.count ? min(mapping.end, (block | 0xfff) + 1) : mapping.end
      let top = max(bottom, stack.map { min(mapping.end, $0.upperBound) } ?? guess)
      if threads.isControlBlock(block) {
        let inside = stackPointers.first { $0 >= bottom && $0 < top }
        // A thread that stands on another stack just now: its own is scanned whole.
        let start = inside.map { max(bottom, Self.fromRedZone($0, mapping)) } ?? bottom
        ranges.append((start..<top, .stack))
      } else if threads.isEmpty {
        ranges.append((bottom..<top, .stack))
      } else {
        ranges.append((block + Self.dynamicThreadVector..<block + Self.dynamicThreadVector + 8, .cachedThread))
        // What only looks like a control block may lie anywhere, and end with the page.
        let (first, end) = (block + Self.descriptor.lowerBound, min(top, block + Self.descriptor.upperBound))
        guard first + 64 < end, try window.load(block..<end) else {
          bottom = top
          continue
        }
        let fields = first..<end
        let isUnjoined = Self.waitsForJoin(block, fields, window)
        if isUnjoined { unjoined += 1 }
        if inHand.contains(block) || isUnjoined { ranges.append((fields, .cachedThread)) }
      }
      bottom = top
    }
    if bottom < mapping.end { ranges.append((bottom..<mapping.end, .anonymous)) }
  }

  /// The thread's stack by `stackblock` and `stackblock_size`, neighbours somewhere in `struct pthread` (nptl/descr.h); nil where none fits.
  private static func stack(
    of block: UInt64, in mapping: Mapping, _ window: MemoryWindow
  ) throws(MemoryError) -> Range<UInt64>? {
    let (first, end) = (block + descriptor.lowerBound, min(mapping.end, block + descriptor.upperBound))
    guard first + 16 <= end, try window.load(first..<end) else { return nil }
    var address = first
    while address + 16 <= end {
      let (base, size) = (window.word(address), window.word(address + 8))
      let (top, overflow) = base.addingReportingOverflow(size)
      // Its top is rounded to a page at most.
      if base > 0xffff, size >= smallestStack, !overflow, base < block, top > block, top - block <= 0x2000 {
        return base..<top
      }
      address += 8
    }
    return nil
  }

  /// `PTHREAD_STACK_MIN`.
  private static let smallestStack: UInt64 = 16 << 10

  /// The thread has ended (the kernel clears `tid`, a join sets it to -1) and is not detached, which `joinid` would show by naming
  /// the thread itself.
  private static func waitsForJoin(_ block: UInt64, _ fields: Range<UInt64>, _ window: MemoryWindow) -> Bool {
    guard window.word(block + threadID) & 0xffff_ffff == 0 else { return false }
    var address = block + threadID + 8
    while address + 8 <= fields.upperBound {
      if window.word(address) == block { return false }
      address += 8
    }
    return true
  }

  private static func fromRedZone(_ stackPointer: UInt64, _ mapping: Mapping) -> UInt64 {
    max(mapping.start, (stackPointer &- ThreadState.redZone) & ~7)
  }

  /// Addresses of thread control blocks in a mapping, ascending. Aligned to 64 bytes, as glibc lays them out.
  private static func controlBlocks(in mapping: Mapping, window: MemoryWindow) throws(MemoryError) -> [UInt64] {
    var found: [UInt64] = []
    var start = mapping.start
    while start < mapping.end {
      start = window.skippingUntouched(start, to: mapping.end)
      let end = min(mapping.end, start + UInt64(MemoryWindow.capacity) / 2)
      // 24 bytes more, so that no block is cut in two.
      let loadEnd = min(mapping.end, end + 24)
      if try window.load(start..<loadEnd) {
        var address = (start + 63) & ~63
        while address + 24 <= loadEnd && address < end {
          if window.word(address) == address && window.word(address + 16) == address { found.append(address) }
          address += 64
        }
      }
      start = end
    }
    return found
  }
}
