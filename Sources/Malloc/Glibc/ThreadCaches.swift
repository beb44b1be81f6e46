import ProcessImage

/// The per-thread caches (`tcache_perthread_struct`) of an image and the free chunks that hang on them.
struct ThreadCaches: Sendable {
  /// How the struct is laid out.
  enum Format: Sendable, Hashable, CaseIterable {
    /// 2.30 to 2.41: `uint16_t counts[64]`, 64 lists.
    case counts
    /// 2.42 on: `uint16_t num_slots[76]` that count down from the limit, 64 small and 12 large lists.
    case slots

    var listCount: Int { self == .counts ? 64 : 76 }
    /// Offset of the list heads.
    var entries: UInt64 { UInt64(listCount) * 2 }
    /// Size of the struct in bytes: 640 or 760.
    var size: UInt64 { UInt64(listCount) * 10 }
    /// Chunk sizes that `malloc` may have given it: exact, padded twice (2.43), or with an unsplittable rest.
    var chunkSizes: ClosedRange<UInt64> { self == .counts ? 0x290...0x2a0 : 0x300...0x320 }

    /// Whether a chunk with this size word can hold the struct. With `glibc.malloc.mmap_threshold` below its size it has pages of its own.
    func fits(_ word: UInt64) -> Bool {
      let bytes = Chunk.size(word)
      guard word & Chunk.isMapped != 0 else { return chunkSizes.contains(bytes) }
      return bytes & 0xfff == 0 && bytes >= chunkSizes.lowerBound
    }
  }

  /// Usable bytes of the blocks that may hold one, of either format.
  static let blockSizes: ClosedRange<UInt64> = {
    let sizes = Format.allCases.map(\.chunkSizes)
    return (sizes.map(\.lowerBound).min() ?? 0) - 8...(sizes.map(\.upperBound).max() ?? .max) - 8
  }()

  /// One thread's cache.
  struct Cache: Sendable, Hashable {
    /// User address of the struct.
    var address: UInt64
    var format: Format
    var counts: [UInt16]
    /// First entry of each list (user addresses), 0 for an empty one.
    var entries: [UInt64]
    /// Id of the thread; 0 where the struct was found without a thread.
    var tid: Int32
    /// The thread stood inside the module that holds the allocator: its counts may be one off.
    var isBusy: Bool
    /// Its thread ends and gives the chunks back, list by list: the counts are not kept up any more.
    var isEnding = false
  }

  var caches: [Cache] = []
  var remarks: [String] = []

  /// Distance before the thread pointer that is searched: static TLS of libc and its neighbours.
  private static let searchedBytes: UInt64 = 0x4000
  /// Threads that vote on the offset; more would not change the outcome.
  private static let voters = 64

  /// Finds the TLS variable `tcache`, at one offset for all threads, by voting.
  static func locate(
    in image: ProcessImage, ring: ArenaRing, space: AddressSpace, cache: PageCache
  ) -> ThreadCaches {
    var result = ThreadCaches()
    let threads = image.threads.filter { $0.threadPointer != 0 && $0.threadPointer & 7 == 0 }
    var votes: [UInt64: Int] = [:]
    var voted = 0
    for thread in threads where voted < voters {
      let offsets = candidateOffsets(thread, space: space, cache: cache)
      if !offsets.isEmpty { voted += 1 }
      for (offset, weight) in offsets { votes[offset, default: 0] += weight }
    }
    // Most votes; of equals the one nearest to the thread pointer, so that the outcome never depends on hashing.
    guard let offset = votes.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key else { return result }
    var seen: Set<UInt64> = []
    let busy = BusyThreads(image, ring: ring)
    let module = image.modules.indices.contains(ring.module) ? image.modules[ring.module] : nil
    for thread in threads {
      guard let address = cache.word(thread.threadPointer &- offset) else { continue }
      if address == 0 && busy.contains(thread) {
        if let found = ending(thread, image, space: space, cache: cache), seen.insert(found.address).inserted {
          result.caches.append(found)
        }
        continue
      }
      guard address != 0, seen.insert(address).inserted else { continue }
      if let found = read(at: address, tid: thread.tid, isBusy: busy.contains(thread), space: space, cache: cache) {
        result.caches.append(found)
      } else if module?.writableRanges.contains(where: { $0.contains(address) }) != true && !isDummy(address, image) {
        result.remarks.append(
          "thread \(thread.tid): its cache of free blocks at 0x\(hex(address)) could not be read; some freed blocks may count as live"
        )
      }
    }
    return result
  }

  /// Bytes of stack that `tcache_thread_shutdown`, `free` and what they call take, with room.
  private static let shutdownDepth: UInt64 = 1024

  /// The cache that an ending thread empties: the variable is cleared first, and only the thread's own frames still know the struct
  /// (`tcache_thread_shutdown` in malloc/malloc.c).
  private static func ending(
    _ thread: ThreadState, _ image: ProcessImage, space: AddressSpace, cache: PageCache
  ) -> Cache? {
    for word in image.innermostWords(of: thread, depth: shutdownDepth) where word & 15 == 0 && word != 0 {
      guard
        var found = read(at: word, tid: thread.tid, isBusy: true, isEnding: true, space: space, cache: cache),
        found.entries.contains(where: { $0 != 0 })
      else { continue }
      found.isEnding = true
      return found
    }
    return nil
  }

  /// Finds the structs among live blocks of their size: for images without thread registers. O(blocks).
  ///
  /// Only structs with at least one list are taken; an empty one has nothing to add.
  static func scan(_ blocks: BlockTable, space: AddressSpace, cache: PageCache) -> ThreadCaches {
    var result = ThreadCaches()
    for index in 0..<blocks.count {
      let size = blocks.size(index) + 8
      guard Format.allCases.contains(where: { $0.chunkSizes.contains(size) }),
        let found = read(at: blocks.address(index), tid: 0, isBusy: true, space: space, cache: cache),
        found.entries.contains(where: { $0 != 0 })
      else { continue }
      result.caches.append(found)
    }
    result.remarks.append(
      "no thread registers: \(result.caches.count) thread caches were found among the blocks by their contents")
    return result
  }

  /// 2.43 points inactive threads to a constant inside libc.
  private static func isDummy(_ address: UInt64, _ image: ProcessImage) -> Bool {
    image.modules.contains { address >= $0.start && address < $0.end }
  }

  private static func candidateOffsets(
    _ thread: ThreadState, space: AddressSpace, cache: PageCache
  ) -> [(offset: UInt64, weight: Int)] {
    var result: [(UInt64, Int)] = []
    var offset: UInt64 = 8
    while offset <= min(searchedBytes, thread.threadPointer) {
      guard let word = cache.word(thread.threadPointer &- offset) else { break }
      if word & 15 == 0, word != 0, let found = read(at: word, tid: 0, isBusy: false, space: space, cache: cache) {
        // A zeroed block of the same size looks like an empty cache; lists that hold the right chunks are evidence.
        result.append((offset, 1 + found.entries.count { $0 != 0 }))
      }
      offset += 8
    }
    return result
  }

  /// Reads and validates the struct at `address`; nil where something else is there.
  static func read(
    at address: UInt64, tid: Int32, isBusy: Bool, isEnding: Bool = false, space: AddressSpace, cache: PageCache
  ) -> Cache? {
    guard address & 15 == 0, space.contains(address &- 16, count: 656), let word = cache.word(address &- 8) else {
      return nil
    }
    for format in Format.allCases where format.fits(word) {
      if let found = read(at: address, format, tid: tid, isBusy: isBusy, isEnding: isEnding, space: space, cache: cache)
      {
        return found
      }
    }
    return nil
  }

  private static func read(
    at address: UInt64, _ format: Format, tid: Int32, isBusy: Bool, isEnding: Bool, space: AddressSpace,
    cache: PageCache
  ) -> Cache? {
    guard space.contains(address, count: format.size), let words = cache.words(address, count: Int(format.size / 8))
    else { return nil }
    let countWords = Int(format.entries / 8)
    let counts = (0..<format.listCount).map { UInt16(truncatingIfNeeded: words[$0 / 4] >> (UInt64($0 % 4) * 16)) }
    let entries = Array(words[countWords...])
    var mismatches = 0
    for (index, entry) in entries.enumerated() {
      if entry != 0 {
        guard entry & 15 == 0, entry >= 16, space.contains(entry - 16, count: 32), let header = cache.word(entry - 8)
        else { return nil }
        // Small lists hold one size each: 32, 48, 64…
        if index < 64 && Chunk.size(header) != UInt64(index + 2) * 16 { return nil }
      }
      if format == .counts && (entry == 0) != (counts[index] == 0) { mismatches += 1 }
    }
    if isEnding {
      return Cache(address: address, format: format, counts: counts, entries: entries, tid: tid, isBusy: isBusy)
    }
    // A thread that was caught between the two stores of one list is off by one there.
    guard mismatches <= 1 else { return nil }
    if format == .slots {
      // All full lists' slots are equal to the limit: an all-zero struct is a fresh block, not a cache.
      guard let limit = counts.max(), limit > 0,
        zip(entries, counts).allSatisfy({ $0 != 0 || Int($1) + 1 >= Int(limit) })
      else {
        return nil
      }
    }
    return Cache(address: address, format: format, counts: counts, entries: entries, tid: tid, isBusy: isBusy)
  }
}
