/// Finds the way back into a chain of chunks that broke: a thread was caught while it split or joined chunks.
struct Resync {
  let space: AddressSpace
  let cache: PageCache
  /// Sorted addresses of chunks in thread caches and fastbins. They are chunks for certain, so a chain that jumps over one is a
  /// stale header inside a free chunk.
  let known: [UInt64]

  /// Breaks in one segment after which the rest is given up.
  static let mostAttempts = 64
  /// Bytes that are searched over all breaks of one walk.
  static let searched: UInt64 = 64 << 20
  private static let convincing = 24

  /// The first address after `address` at which a chain goes on, or `end` where none does. O(distance).
  ///
  /// - Parameter budget: bytes that may still be searched; counted down.
  func next(after address: UInt64, end: UInt64, limit: UInt64, budget: inout UInt64) -> UInt64 {
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
    var low = 0
    var high = known.count
    while low < high {
      let middle = (low + high) / 2
      if known[middle] < first { low = middle + 1 } else { high = middle }
    }
    var chunk = first
    while chunk < reached, low < known.count, known[low] < reached {
      guard let word = cache.word(chunk &+ 8) else { return false }
      let next = chunk &+ Chunk.size(word)
      guard next > chunk else { return false }
      if known[low] == chunk { low += 1 }
      if low < known.count && known[low] < next { return false }
      chunk = next
    }
    return true
  }
}
