import ProcessImage

/// The main arena's memory: contiguous from `sbrk_base` as a rule, in several pieces where somebody else moved the break
/// or where `brk` failed and `mmap` stepped in.
struct MainHeap {
  let space: AddressSpace
  let cache: PageCache
  let state: ArenaState
  let arenaIndex: Int

  /// Steps of 16 bytes that are tried for the start of a chain before giving up.
  private static let mostSteps = 1 << 24
  /// Chunks that are remembered as leading nowhere, so that many false starts stay linear.
  private static let mostRemembered = 1 << 20

  /// Where the chain of the first segment starts.
  ///
  /// Without `mp_` the mapping of the heap must do: its first chunk is at its start unless a static executable put its thread
  /// control block there.
  func firstChunk(sbrkBase: UInt64?, mappings: [Mapping]) -> UInt64? {
    if state.isUnused { return nil }
    if let sbrkBase, sbrkBase != 0 { return Chunk.alignUp(sbrkBase, 16) }
    guard let run = space.run(containing: state.top) else { return nil }
    let start = mappings.first { $0.path == "[heap]" && run.contains($0.start) }?.start ?? run.lowerBound
    return chainStart(from: Chunk.alignUp(start, 16), to: state.top)
  }

  /// The first address at or after `start` from which a chain of chunks leads to `end` or to a fencepost. O(distance).
  func chainStart(from start: UInt64, to end: UInt64) -> UInt64? {
    var position = Chunk.alignUp(start, 16)
    var steps = 0
    var deadEnds: Set<UInt64> = []
    while position < end, steps < Self.mostSteps {
      if leadsOn(position, end: end, deadEnds: &deadEnds) { return position }
      position &+= 16
      steps += 1
    }
    return nil
  }

  private func leadsOn(_ first: UInt64, end: UInt64, deadEnds: inout Set<UInt64>) -> Bool {
    guard let word = cache.word(first &+ 8), word & Chunk.previousInUse != 0, Chunk.size(word) >= Chunk.smallest,
      !deadEnds.contains(first)
    else { return false }
    var chunk = first
    var visited: [UInt64] = []
    // In short runs, so that a chain which joins a known dead end stops there.
    while let reached = ChunkWalk.follow(chunk, stop: end, limit: end &+ 32, steps: 16, cache: cache) {
      if reached == end || Fence.end(of: reached, cache: cache) != nil { return true }
      guard reached > chunk, !deadEnds.contains(reached) else { break }
      visited.append(reached)
      chunk = reached
    }
    if deadEnds.count < Self.mostRemembered { deadEnds.formUnion(visited) }
    return false
  }

  /// The end of the piece of the main arena that `mmap` gave it at the page `start`; nil where something else is there.
  func mappedPiece(at start: UInt64, end: UInt64) -> HeapSegment? {
    guard start & (Chunk.page - 1) == 0, let word = cache.word(start &+ 8),
      word & Chunk.flagMask == Chunk.previousInUse, Chunk.size(word) >= Chunk.smallest,
      let reached = ChunkWalk.follow(start, stop: state.top, limit: end, steps: .max, cache: cache)
    else { return nil }
    if reached == state.top, state.topSize > 0 {
      return HeapSegment(
        arena: arenaIndex, owned: start..<reached &+ state.topSize, firstChunk: start, end: .top(reached))
    }
    guard let fence = Fence.end(of: reached, cache: cache), fence <= end else { return nil }
    return HeapSegment(arena: arenaIndex, owned: start..<fence, firstChunk: start, end: .fence(fence))
  }
}
