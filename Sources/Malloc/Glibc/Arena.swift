import ProcessImage

/// One `malloc_state` as the image has it.
struct ArenaState: Sendable, Hashable {
  var address: UInt64
  var isMain: Bool
  var isLocked: Bool
  var isNonContiguous: Bool
  var top: UInt64
  /// Bytes of the top chunk; 0 where its header makes no sense.
  var topSize: UInt64
  /// `system_mem`.
  var systemBytes: UInt64
  /// The main arena was never used: its top is the initial one, inside the arena itself.
  var isUnused: Bool

  init?(at address: UInt64, isMain: Bool, layout: GlibcLayout, space: AddressSpace, cache: PageCache) {
    guard let locks = cache.word(address), let top = cache.word(address &+ layout.top),
      let systemBytes = cache.word(address &+ layout.systemMemory)
    else { return nil }
    self.address = address
    self.isMain = isMain
    self.isLocked = UInt32(truncatingIfNeeded: locks) != 0
    self.isNonContiguous = UInt32(truncatingIfNeeded: locks >> 32) & GlibcLayout.nonContiguous != 0
    self.top = top
    self.systemBytes = systemBytes
    self.isUnused = top == address &+ layout.top
    topSize = 0
    if !isUnused, let word = cache.word(top &+ 8), Chunk.size(word) >= 16, space.contains(top, count: Chunk.size(word))
    {
      topSize = Chunk.size(word)
    }
  }
}

/// A piece of memory that is one unbroken chain of chunks.
struct HeapSegment: Sendable, Hashable {
  enum End: Sendable, Hashable {
    /// The chain ends exactly at the arena's top chunk.
    case top(UInt64)
    /// The chain ends in a fencepost just before this address.
    case fence(UInt64)

    /// One past the last byte that a chunk of the chain may take.
    var address: UInt64 {
      switch self {
      case .top(let address), .fence(let address): address
      }
    }
  }

  /// Index of the arena in the ring.
  var arena: Int
  /// All of the allocator's memory here: `heap_info` and arena structure included, up to the end of the top chunk.
  var owned: Range<UInt64>
  /// Address of the first chunk.
  var firstChunk: UInt64
  var end: End
}

/// The heaps of thread arenas: 64 MiB aligned regions that begin with a `heap_info` and are linked by `prev`.
struct ThreadHeaps {
  let ring: ArenaRing
  let space: AddressSpace
  let cache: PageCache
  let hugePageSize: UInt64

  private static let defaultAlignment: UInt64 = 64 << 20
  private static let mostHeaps = 1 << 20

  /// Segments of the thread arena `state`, newest first, and the sum of the heaps' sizes. O(heaps).
  func segments(of state: ArenaState, index: Int) -> (segments: [HeapSegment], bytes: UInt64, remarks: [String]) {
    guard let heapInfoSize = ring.heapInfoSize else { return ([], 0, []) }
    var segments: [HeapSegment] = []
    var total: UInt64 = 0
    var seen: Set<UInt64> = []
    guard var heap = heapBase(of: state.top, arena: state.address) else {
      return ([], 0, ["arena 0x\(hex(state.address)): no heap holds its top chunk; its blocks are missing"])
    }
    var isTop = true
    while heap != 0, seen.count < Self.mostHeaps, seen.insert(heap).inserted {
      guard cache.word(heap) == state.address, let previous = cache.word(heap &+ 8),
        let size = cache.word(heap &+ 16), size >= 64, size & 15 == 0, space.contains(heap, count: size)
      else {
        return (
          segments, total,
          ["arena 0x\(hex(state.address)): the heap at 0x\(hex(heap)) is inconsistent; older heaps are missing"]
        )
      }
      total &+= size
      let holdsArena = state.address &- heap == heapInfoSize
      let first = holdsArena ? Chunk.alignUp(state.address &+ ring.layout.size, 16) : heap &+ heapInfoSize
      // A top outside its heap is torn; the chain must still end within the heap.
      let hasTop = isTop && state.top >= first && state.top < heap &+ size
      segments.append(
        HeapSegment(
          arena: index, owned: heap..<heap &+ size, firstChunk: first,
          end: hasTop ? .top(state.top) : .fence(heap &+ size)
        ))
      isTop = false
      heap = previous
    }
    return (segments, total, [])
  }

  /// The heap that holds `address`: its alignment depends on the huge page tunable, so it is confirmed by `ar_ptr`.
  private func heapBase(of address: UInt64, arena: UInt64) -> UInt64? {
    var alignments = [Self.defaultAlignment]
    if hugePageSize > 0 && hugePageSize <= 1 << 34 { alignments.insert(hugePageSize * 4, at: 0) }
    alignments += (20...34).map { UInt64(1) << UInt64($0) }
    for alignment in alignments {
      let base = address & ~(alignment &- 1)
      if base != 0, cache.word(base) == arena { return base }
    }
    return nil
  }
}

/// Lower-case hexadecimal without a prefix.
func hex(_ value: UInt64) -> String { String(value, radix: 16) }
