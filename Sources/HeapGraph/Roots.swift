import Malloc
import ProcessImage
import SwiftMetadata
import Symbols

/// A word outside the heap that refers to a block.
public struct Root: Sendable, Hashable {
  /// Where the word lies.
  public enum Kind: UInt8, Sendable, Hashable, Codable, CaseIterable {
    /// A global or static variable: writable data of a module.
    case global
    /// A live thread's stack, from the red zone below the stack pointer to its end; holds its static TLS too.
    case stack
    /// A general purpose register of a stopped thread.
    case register
    /// Part of a stopped thread's SIMD registers, where copies of memory leave what they copied.
    case vector
    /// The loader's and other anonymous writable memory that no allocator owns.
    case anonymous
    /// What glibc keeps for a thread that does not run: the dynamic thread vector on a stack that waits for the next thread, the
    /// argument of a thread that is being created, the result of one that has ended and is not joined yet.
    case cachedThread
    /// A thread's variables in a block of `malloc`: those of modules that were loaded later, and of keys past the 32nd.
    case threadLocal
    /// A word that the kernel hands back with an event.
    case kernel
  }

  public var kind: Kind
  /// Address of the word; the thread id for a register; the epoll instance's descriptor for a word of the kernel, 0 for a timer.
  public var address: UInt64
  /// Index of the block it refers to.
  public var block: UInt32
}

/// Finds the roots of an image: every word outside the heap that refers to a live block.
///
/// Not roots: the allocator's own memory (bin heads point to chunks), shared mappings, stacks of finished threads (but for what they
/// leave to who joins them), everything below a live thread's stack pointer, registers and frames of idle pool threads, and words that point to an
/// async frame: see `ReferenceResolver.isTaskMemory`.
struct RootFinder {
  let image: ProcessImage
  let heap: TypedHeap
  let resolver: ReferenceResolver
  let idle: IdleWorkers
  private let window: MemoryWindow
  /// For looking at what a root points to, without moving the window that finds roots.
  private let targetWindow: MemoryWindow
  private(set) var roots: [Root] = []
  /// Pieces of task memory that a thread is handing out or taking back: see `SlabsInFlight`.
  private(set) var slabsInFlight: [Int] = []
  /// What threads work with just now, as far as it can be the address of a thread's control block.
  private let inHand: Set<UInt64>
  private let threads: ThreadPlaces
  /// Roots' memory that the image could not deliver, in bytes.
  private(set) var unreadableBytes: UInt64 = 0
  /// Threads that have ended and that nobody has joined or detached.
  private(set) var unjoinedThreads = 0

  init(
    image: ProcessImage, heap: TypedHeap, resolver: ReferenceResolver,
    idle: IdleWorkers = IdleWorkers()
  ) {
    self.image = image
    self.heap = heap
    self.resolver = resolver
    self.idle = idle
    threads = ThreadPlaces(image.threads)
    window = MemoryWindow(image.memory)
    targetWindow = MemoryWindow(image.memory)
    var inHand: Set<UInt64> = []
    for thread in image.threads {
      for word in image.innermostWords(of: thread, depth: 1024) where word & ThreadStacks.blockMask == 0 && word != 0 {
        inHand.insert(word)
      }
    }
    self.inHand = inHand
  }

  /// Reads all roots. O(bytes of module data, stacks and other anonymous memory).
  mutating func find() throws(MemoryError) {
    let owned = heap.walk.ownedRanges
    for (index, mapping) in image.mappings.enumerated() where Self.mayHoldRoots(mapping) {
      let isModuleData = image.modules.contains { module in
        module.writableRanges.contains { $0.lowerBound < mapping.end && mapping.start < $0.upperBound }
      }
      if isModuleData {
        try scan(mapping.start..<mapping.end, .global, excluding: owned)
      } else if mapping.path != "[heap]" {
        try scanAnonymous(mapping, guarded: isGuarded(index), excluding: owned)
      } else {
        try scan(mapping.start..<mapping.end, .anonymous, excluding: owned)
      }
    }
    // Of a module's protected data, what is anonymous has been read with the rest.
    for range in image.modules.flatMap(\.protectedRanges) {
      guard let mapping = image.mappings.containing(range.lowerBound), !Self.mayHoldRoots(mapping) else { continue }
      try scan(range, .global, excluding: owned)
    }
    for word in image.kernelWords {
      switch word.keeper {
      case .epoll(let descriptor): add(word.value, .kernel, UInt64(UInt32(bitPattern: descriptor)))
      case .timer: add(word.value, .kernel, 0)
      }
    }
    slabsInFlight = SlabsInFlight.find(image: image, heap: heap, resolver: resolver, idle: idle)
    for thread in image.threads where idle.idleFrames[thread.tid] == nil {
      for register in thread.registers { add(register, .register, UInt64(UInt32(bitPattern: thread.tid))) }
      // Every 8-byte lane of the SIMD state; the legacy header holds no data and matches nothing.
      thread.vectorState.withUnsafeBytes { bytes in
        var offset = 0
        while offset + 8 <= bytes.count {
          add(
            bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self), .vector,
            UInt64(UInt32(bitPattern: thread.tid)))
          offset += 8
        }
      }
    }
  }

  /// The roots at odd places of globals: see `OddPlaces`.
  func roots(at places: OddPlaces) throws(MemoryError) -> [Root] {
    var found: [Root] = []
    for range in image.modules.flatMap(\.writableRanges) where range.lowerBound & ~7 < range.upperBound {
      try places.search(range.lowerBound & ~7..<range.upperBound, in: window) { place, block in
        found.append(Root(kind: .global, address: place, block: UInt32(block)))
      }
    }
    return found
  }

  /// Blocks of `malloc` that hold threads' variables: their words are roots of their own name, and lead nowhere else.
  ///
  /// - Returns: the blocks.
  mutating func find(_ storage: ThreadLocalStorage) throws(MemoryError) -> [Int] {
    var blocks: [Int] = []
    // A whole stack in a block is more than its variables.
    let stacks = Set(
      image.threads.flatMap { [$0.threadPointer, $0.stackPointer] }.map { heap.blocks.index(containing: $0) })
    for area in storage.areas {
      let block = heap.blocks.index(containing: area.range.lowerBound)
      guard block >= 0, heap.blocks.address(block) + heap.blocks.size(block) >= area.range.upperBound else { continue }
      let start = (area.range.lowerBound + 7) & ~7
      if start < area.range.upperBound { try scanWords(start..<area.range.upperBound, .threadLocal) }
      if !stacks.contains(block) { blocks.append(block) }
    }
    return blocks
  }

  /// Private memory that the program writes, or has written and then protected.
  private static func mayHoldRoots(_ mapping: Mapping) -> Bool {
    mapping.isWritablePrivate || (mapping.isAnonymous && mapping.permissions.contains(.read))
  }

  /// A `---p` mapping right below: the mark of a thread's stack.
  private func isGuarded(_ index: Int) -> Bool {
    guard index > 0 else { return false }
    let below = image.mappings[index - 1]
    return below.end == image.mappings[index].start && below.permissions.isDisjoint(with: [.read, .write, .execute])
  }

  /// Stacks, loader memory, and whatever else is anonymous.
  private mutating func scanAnonymous(
    _ mapping: Mapping, guarded: Bool, excluding owned: [Range<UInt64>]
  ) throws(MemoryError) {
    let stacks = try ThreadStacks(
      mapping: mapping, guarded: guarded, threads: threads, inHand: inHand, window: window)
    unjoinedThreads += stacks.unjoined
    for (range, kind) in stacks.ranges {
      // A stack belongs to one thread; where idle frames lie in it, they are its lowest part.
      let history = idle.idleFrames.values.first { range.overlaps($0) }
      let start = max(range.lowerBound, history?.upperBound ?? 0)
      if start < range.upperBound { try scan(start..<range.upperBound, kind, excluding: owned) }
    }
  }

  /// Scans the words of a range, minus ranges that hold no roots.
  private mutating func scan(
    _ range: Range<UInt64>, _ kind: Root.Kind, excluding excluded: [Range<UInt64>]
  ) throws(MemoryError) {
    var start = (range.lowerBound + 7) & ~7
    var next = excluded.firstIndex(endingAfter: start)
    while start < range.upperBound {
      var end = range.upperBound
      var resume = end
      if next < excluded.count && excluded[next].lowerBound < end {
        end = max(start, min(end, excluded[next].lowerBound))
        resume = max(end, excluded[next].upperBound)
        next += 1
      }
      try scanWords(start..<end, kind)
      start = (resume + 7) & ~7
    }
  }

  private mutating func scanWords(_ range: Range<UInt64>, _ kind: Root.Kind) throws(MemoryError) {
    var start = range.lowerBound
    // Objects that were found by what they look like lie in memory that no allocator is known to own. What they refer to hangs on them.
    let skipsBlocks = kind == .anonymous && !heap.walk.isExact
    var block = skipsBlocks ? max(heap.blocks.firstIndex(atOrAfter: start) - 1, 0) : 0
    while start + 8 <= range.upperBound {
      start = window.skippingUntouched(start, to: range.upperBound)
      let end = min(range.upperBound, start + UInt64(MemoryWindow.capacity))
      guard start + 8 <= end else { return }
      if try window.load(start..<end) {
        while start + 8 <= end {
          if skipsBlocks, let past = pastBlock(at: start, &block) {
            start = past
            continue
          }
          add(window.word(start), kind, start)
          start += 8
        }
        start = max(start, end)
      } else {
        // Page by page: one unreadable page (a guard inside, a device) must not cost the rest.
        let pageEnd = min(end, (start | 0xfff) + 1)
        if end - start > 4096 {
          try scanWords(start..<pageEnd, kind)
        } else {
          unreadableBytes += pageEnd - start
        }
        start = pageEnd
      }
    }
  }

  /// The first aligned word behind the block in which an address lies; nil where it lies in none.
  ///
  /// - Parameter block: the first one that may end behind the address; moved along with it.
  private func pastBlock(at address: UInt64, _ block: inout Int) -> UInt64? {
    while block < heap.blocks.count, heap.blocks.address(block) &+ heap.blocks.size(block) <= address { block += 1 }
    guard block < heap.blocks.count, heap.blocks.address(block) <= address else { return nil }
    return (heap.blocks.address(block) &+ heap.blocks.size(block) &+ 7) & ~7
  }

  @inline(__always)
  private mutating func add(_ word: UInt64, _ kind: Root.Kind, _ address: UInt64) {
    if word < 0x1000 { return }
    let target = resolver.target(word, .ambiguous)
    guard target >= 0 else { return }
    if resolver.isTaskMemory(target), (try? resolver.isTask(word, targetWindow)) != true { return }
    roots.append(Root(kind: kind, address: address, block: UInt32(target)))
  }
}
