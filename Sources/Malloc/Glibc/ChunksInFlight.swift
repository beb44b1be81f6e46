import ProcessImage

/// Chunks that a thread inside the allocator is just taking from one place to another.
///
/// Between two stores such a chunk hangs nowhere: a fastbin that `malloc_consolidate` has detached is known to that thread
/// alone, a chunk that `_int_free` waits to put into a bin still looks allocated, and one that `_int_malloc` has unlinked nobody has
/// received yet. All of them are held by address of the chunk, in registers or in the frames of `malloc` and `free`
/// (malloc/malloc.c, glibc 2.31 to 2.43).
struct ChunksInFlight {
  /// Possible chunk addresses in the hands of threads inside the allocator.
  let pointers: Set<UInt64>
  /// Possible sizes of chunks in the hands of each of them, ascending.
  let sizes: [[UInt64]]

  /// `free`, `_int_free`, `malloc_consolidate` and `unlink_chunk` together take some 300 bytes of stack, a thread's exit twice that.
  private static let depth: UInt64 = 1024
  /// `M_MXFAST` is at most 160, which makes chunks of 176 bytes.
  private static let largestFastChunk: UInt64 = 176
  /// Larger chunks are not looked for.
  private static let largestSplit: UInt64 = 1 << 36
  /// A list of one may be a live block that nobody has written to since; two such in a row, linked, are none.
  private static let convincing = 2

  init(image: ProcessImage, ring: ArenaRing, space: AddressSpace) {
    let busy = BusyThreads(image, ring: ring)
    var pointers: Set<UInt64> = []
    var sizes: [[UInt64]] = []
    for thread in image.threads where busy.contains(thread) {
      var own: Set<UInt64> = []
      for word in image.innermostWords(of: thread, depth: Self.depth) {
        if word & 15 == 0 && space.contains(word, count: Chunk.smallest) { pointers.insert(word) }
        // With its flags, where it is about to be stored.
        let size = Chunk.size(word)
        if size & 15 == 0 && size >= Chunk.smallest && size <= Self.largestSplit { own.insert(size) }
      }
      if !own.isEmpty { sizes.append(own.sorted()) }
    }
    self.pointers = pointers
    self.sizes = sizes
  }

  /// Chunks of detached fastbins: free, although neither bin nor thread cache lists them.
  ///
  /// - Parameter listed: sorted addresses of those that are listed.
  func detached(_ lists: FreeLists, _ encoding: LinkEncoding, cache: PageCache, listed: [UInt64], limit: Int)
    -> [UInt64]
  {
    var found: [UInt64] = []
    var seen: Set<UInt64> = []
    for pointer in pointers.sorted() where !seen.contains(pointer) {
      guard let size = cache.word(pointer &+ 8).map(Chunk.size), size >= Chunk.smallest, size <= Self.largestFastChunk
      else { continue }
      let list = lists.follow(FreeLists.Head(first: pointer, links: .chunks), encoding: encoding, limit: limit)
      // A fastbin holds chunks of one size.
      guard list.isComplete, list.chunks.allSatisfy({ cache.word($0 &+ 8).map(Chunk.size) == size }) else { continue }
      let new = list.chunks.filter { listed.sortedIndex(of: $0) == nil }
      guard new.count >= Self.convincing else { continue }
      for chunk in new where seen.insert(chunk).inserted { found.append(chunk) }
    }
    return found
  }

  /// Blocks that look live and are on their way, by address.
  func blocks(_ table: BlockTable, cache: PageCache) -> [UInt64] {
    var found: Set<UInt64> = []
    func add(_ chunk: UInt64) {
      if table.index(startingAt: chunk &+ Chunk.header) >= 0 { found.insert(chunk &+ Chunk.header) }
    }
    for pointer in pointers {
      add(pointer)
      // `free` moves its pointer back to a free chunk in front of its own before it clears the mark that its own is in use.
      guard let size = cache.word(pointer &+ 8).map(Chunk.size), size >= Chunk.smallest, size < AddressSpace.limit,
        let next = cache.word(pointer &+ size &+ 8), next & Chunk.previousInUse == 0
      else { continue }
      add(pointer &+ size)
    }
    return found.sorted()
  }
}
