import ProcessImage

/// Finds the way back into a chain of chunks that broke: a thread was caught while it split or joined chunks.
struct Resync {
  let space: AddressSpace
  let cache: PageCache
  /// Sorted addresses of chunks in thread caches and fastbins. They are chunks for certain, so a chain that jumps over one is a
  /// stale header inside a free chunk.
  let known: [UInt64]
  let inFlight: ChunksInFlight

  /// Breaks in one segment after which the rest is given up.
  static let mostAttempts = 64
  /// Bytes that are searched over all breaks of one walk.
  static let searched: UInt64 = 64 << 20
  private static let convincing = 24
  /// Bytes over which stale headers in what is being split off may have led.
  private static let staleSteps: UInt64 = 1 << 20

  /// Where a broken chain goes on.
  struct Way: Sendable, Hashable {
    var chunk: UInt64
    /// What a thread is just splitting off: headers in it are stale.
    var rest: Range<UInt64>?
  }

  /// Where the chain goes on that broke at `address`, or `end` where it does not. O(distance).
  ///
  /// - Parameters:
  ///   - previous: the chunk in front of the break.
  ///   - budget: bytes that may still be searched; counted down.
  func next(after address: UInt64, previous: UInt64, end: UInt64, limit: UInt64, budget: inout UInt64) -> Way {
    if let rest = splitOff(address, previous: previous, end: end, limit: limit) {
      return Way(chunk: rest.upperBound, rest: rest)
    }
    return Way(chunk: searched(after: address, end: end, limit: limit, budget: &budget))
  }

  /// The rest of a chunk of which a thread is just taking the front.
  ///
  /// `_int_malloc` and `_int_realloc` have set the size of the front, and have at hand that of the rest, which they are about to
  /// store, and as a rule that of the whole; the footer at the end is still that of the whole, or already that of the rest
  /// (malloc/malloc.c, glibc 2.31 to 2.43). Until then the rest begins with whatever lay there: no size at all, or a stale one that
  /// leads some steps further. Nothing else tells the end from stale headers inside. O(threads inside the allocator).
  private func splitOff(_ address: UInt64, previous: UInt64, end: UInt64, limit: UInt64) -> Range<UInt64>? {
    let further = inFlight.pointers.filter { $0 < previous && previous - $0 <= Self.staleSteps }
    for start in [address, previous] + further.sorted(by: >) where start < end {
      for sizes in inFlight.sizes {
        for size in sizes where size > address - start && size <= end - start {
          let next = start + size
          if isSplit(start, size, sizes, previous: previous), next == end || leadsOn(next, end: end, limit: limit) {
            return start..<next
          }
        }
      }
    }
    return nil
  }

  /// - Parameter sizes: all that the same thread has at hand.
  private func isSplit(_ rest: UInt64, _ size: UInt64, _ sizes: [UInt64], previous: UInt64) -> Bool {
    let next = rest &+ size
    if rest > previous, let head = cache.word(next &+ 8), head & Chunk.previousInUse == 0,
      let footer = cache.word(next), footer == size || footer == next &- previous
    {
      return true
    }
    return sizes.contains { whole in
      guard whole > size, whole - size <= rest else { return false }
      let front = whole - size
      return cache.word(rest - front + 8).map(Chunk.size) == front
    }
  }

  /// The first address after `address` at which a chain goes on.
  private func searched(after address: UInt64, end: UInt64, limit: UInt64, budget: inout UInt64) -> UInt64 {
    var position = (address &+ 16) & ~15
    guard let run = space.run(containing: position) else { return end }
    let stop = min(end, run.upperBound, position &+ budget)
    defer { budget -= min(budget, position &- address) }
    while position < stop {
      if leadsOn(position, end: end, limit: limit) { return position }
      position &+= 16
    }
    return end
  }

  private func leadsOn(_ chunk: UInt64, end: UInt64, limit: UInt64) -> Bool {
    guard let word = cache.word(chunk &+ 8), Chunk.size(word) >= Chunk.smallest, Chunk.size(word) & 8 == 0,
      Chunk.size(word) <= end &- chunk
    else { return false }
    guard let reached = ChunkWalk.follow(chunk, stop: end, limit: limit, steps: Self.convincing, cache: cache),
      reached == end || reached &- chunk >= UInt64(Self.convincing) * 32
    else { return false }
    return agreesWithKnown(chunk, reached: reached)
  }

  /// Every known chunk in the range begins where the chain has a chunk. O(steps + log known).
  private func agreesWithKnown(_ first: UInt64, reached: UInt64) -> Bool {
    var index = known.partitionIndex { $0 < first }
    var chunk = first
    while chunk < reached, index < known.count, known[index] < reached {
      guard let word = cache.word(chunk &+ 8) else { return false }
      let next = chunk &+ Chunk.size(word)
      guard next > chunk else { return false }
      if known[index] == chunk { index += 1 }
      if index < known.count && known[index] < next { return false }
      chunk = next
    }
    return true
  }
}
