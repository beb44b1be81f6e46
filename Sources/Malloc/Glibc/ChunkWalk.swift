import ProcessImage

/// Walks chains of chunks in address order and puts every live block into a table.
///
/// One pass over the headers; a chunk's state is the next chunk's `PREV_INUSE`, minus the cached ones.
struct ChunkWalk {
  /// What one chain came to.
  struct Outcome: Sendable, Hashable {
    enum End: Sendable, Hashable {
      /// At the arena's top or at the segment's last fencepost.
      case complete
      /// At a fencepost before the segment's end: the rest belongs to somebody else. The address is one past the fencepost.
      case fence(UInt64)
      /// The chain broke at this address, behind the chunk that begins at `after`.
      case torn(UInt64, after: UInt64)
    }
    var end: End
    var liveBlocks = 0
    var liveBytes: UInt64 = 0
    /// In bins, by their headers.
    var freeChunks = 0
    var freeBytes: UInt64 = 0
    /// In thread caches and fastbins.
    var cachedChunks = 0
    var cachedBytes: UInt64 = 0
    /// Free chunks whose size is not repeated at their end: a sign of a heap that was caught in the middle of a change.
    var footerMismatches = 0
    /// What such footers say is one free chunk: headers inside it may be stale.
    var unsettled: [Range<UInt64>] = []
    /// Bytes of chunks that were walked.
    var walkedBytes: UInt64 = 0
    /// Order-independent sums over the free chunks' addresses and forward links; see `BinCheck`.
    var freeSum: UInt64 = 0
    var linkSum: UInt64 = 0

    /// A heap in good order has no mismatches at all, a torn one a few.
    private static let mostUnsettled = 64

    mutating func mismatch(_ footer: UInt64, _ chunk: Range<UInt64>, after first: UInt64) {
      footerMismatches += 1
      guard footer & 15 == 0, footer > chunk.upperBound - chunk.lowerBound, footer <= chunk.upperBound - first,
        unsettled.count < Self.mostUnsettled
      else { return }
      unsettled.append(chunk.upperBound - footer..<chunk.upperBound)
    }
  }

  let window: WalkWindow
  /// Sorted addresses of chunks in thread caches and fastbins.
  let cached: [UInt64]

  /// Mixes an address so that sums of different sets differ (the finaliser of splitmix64).
  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value &+ 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Walks from `first` to the end of the segment. Never reads at or past `limit`. O(chunks).
  ///
  /// - Parameter stopsAtFence: a main heap may have gaps in which somebody else moved the break.
  func walk(
    from first: UInt64, end: HeapSegment.End, limit: UInt64, stopsAtFence: Bool, into blocks: inout BlockTable.Builder
  ) -> Outcome {
    var outcome = Outcome(end: .complete)
    let chainEnd = end.address
    let endsInFence = end == .fence(chainEnd)
    var chunk = first
    var previous = first
    var cursor = cached.partitionIndex { $0 < first }
    var nextCached = cursor < cached.count ? cached[cursor] : .max
    window.begin(limit: limit)
    guard chunk != chainEnd else { return outcome }
    guard chunk < chainEnd, window.move(to: chunk, count: 24, minimum: 16) else {
      outcome.end = .torn(chunk, after: previous)
      return outcome
    }
    // The loop below runs once a chunk, so it works on values: no class is accessed but when the window moves or the batch is full.
    var view = window.view
    var batch = BlockTable.Batch()
    defer { batch.flush(into: &blocks) }
    var word = view.word(chunk &+ 8)
    while true {
      let size = word & ~Chunk.flagMask
      let rest = chainEnd &- chunk
      if size < Chunk.smallest {
        // A fencepost: 0x10 bytes, or none at the very end of a heap.
        if endsInFence && rest <= Fence.longest { return outcome }
        let fence = stopsAtFence ? Fence.end(of: chunk) : nil
        outcome.end = fence.map { .fence($0) } ?? .torn(chunk, after: previous)
        return outcome
      }
      // A heap whose old top was too small for a fencepost of its own ends in a chunk of 0x20 that nobody ever got.
      if endsInFence && rest == 48 && size == 32 { return outcome }
      guard size <= rest, size & 8 == 0, word & Chunk.isMapped == 0 else {
        outcome.end = .torn(chunk, after: previous)
        return outcome
      }
      // The chunk's first user word, before the window moves on.
      let head = view.covers(chunk &+ 16, 8) ? view.word(chunk &+ 16) : reload(chunk &+ 16)
      let next = chunk &+ size
      if !view.covers(next, 24) {
        guard window.move(to: next, count: 24, minimum: 16) else {
          outcome.end = .torn(chunk, after: previous)
          return outcome
        }
        view = window.view
      }
      let nextWord = view.word(next &+ 8)
      while nextCached < chunk {
        cursor += 1
        nextCached = cursor < cached.count ? cached[cursor] : .max
      }
      if nextWord & Chunk.previousInUse == 0 {
        outcome.freeChunks += 1
        outcome.freeBytes &+= size
        outcome.freeSum &+= Self.mix(chunk)
        outcome.linkSum &+= Self.mix(head)
        if view.word(next) != size { outcome.mismatch(view.word(next), chunk..<next, after: first) }
      } else if nextCached == chunk {
        outcome.cachedChunks += 1
        outcome.cachedBytes &+= size
      } else {
        outcome.liveBlocks += 1
        outcome.liveBytes &+= size - 8
        batch.append(BlockTable.Block(address: chunk &+ Chunk.header, size: size - 8, head: head), into: &blocks)
      }
      outcome.walkedBytes &+= size
      if next == chainEnd { return outcome }
      previous = chunk
      chunk = next
      word = nextWord
    }
  }

  /// Follows a chain without recording it: at most `steps` chunks from `first`, or to `stop` exactly. O(steps).
  ///
  /// - Returns: where it got to, or nil where a header is impossible.
  static func follow(
    _ first: UInt64, stop: UInt64, limit: UInt64, steps: Int, cache: PageCache
  ) -> UInt64? {
    var chunk = first
    guard var word = cache.word(chunk &+ 8) else { return nil }
    for _ in 0..<steps {
      if chunk == stop { return chunk }
      let size = Chunk.size(word)
      if size == 16 { return chunk }
      guard size >= Chunk.smallest, size & 8 == 0, word & Chunk.isMapped == 0, chunk < limit, size <= limit - chunk,
        limit - chunk - size >= 16, let next = cache.word(chunk &+ size &+ 8)
      else { return nil }
      if next & Chunk.previousInUse == 0 {
        guard cache.word(chunk &+ size) == size else { return nil }
      }
      chunk = chunk &+ size
      word = next
    }
    return chunk
  }

  /// The chunk is in a thread cache or fastbin. O(log n).
  func isCached(_ chunk: UInt64) -> Bool { cached.sortedIndex(of: chunk) != nil }

  private func reload(_ address: UInt64) -> UInt64 {
    window.move(to: address, count: 8, minimum: 8) ? window.view.word(address) : 0
  }
}

/// Fenceposts: chunks of 0x10 bytes with which `sysmalloc` closes memory that it cannot extend.
enum Fence {
  /// Two of them as a rule; three where the old top had 0x30 bytes and was itself reduced to one.
  static let longest: UInt64 = 48

  /// One past the fenceposts that begin at `chunk`: they reach to the end of a page. nil where they cannot.
  static func end(of chunk: UInt64) -> UInt64? {
    let end = Chunk.alignUp(chunk &+ 32, Chunk.page)
    return end &- chunk <= longest ? end : nil
  }

  /// All headers from `chunk` to the page's end are fenceposts.
  static func end(of chunk: UInt64, cache: PageCache) -> UInt64? {
    guard let end = end(of: chunk) else { return nil }
    var position = chunk
    while position < end {
      guard let word = cache.word(position &+ 8), Chunk.size(word) == 16 else { return nil }
      position &+= 16
    }
    return end
  }
}
