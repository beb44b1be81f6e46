import HeapGraph
import Malloc

/// Resident bytes of live blocks, and of the free memory between them that a trim would give back.
///
/// glibc's `malloc_trim` (malloc/malloc.c, `mtrim`, 2.31 to 2.43) gives back, of every free chunk in every arena, the whole pages from
/// its header's end on, and of the top of the main arena all but a minimal chunk. Tops of threads' arenas it leaves. Chunks in thread
/// caches stay too; they are small, and a page between them counts here as free, so the sum may be too large by some 100 KiB a thread.
struct LiveTally {
  private(set) var swift: UInt64 = 0
  private(set) var native: UInt64 = 0
  /// Blocks in which the allocator itself keeps something: its threads' caches.
  private(set) var allocatorOwn: UInt64 = 0
  /// What `malloc_trim(0)` would give back; nil where blocks were only counted.
  private(set) var trimmable: UInt64?
  /// Resident whole pages of the tops of threads' arenas; nil there too.
  private(set) var threadTops: UInt64?

  private static let page: UInt64 = 4096
  /// From the end of a block to the first byte of the free chunk behind it that no header needs: `sizeof (struct malloc_chunk)` less the
  /// 8 bytes that the block still uses of it.
  private static let header: UInt64 = 0x30 - 8

  /// One pass over blocks and pages, both in address order.
  init(heap: TypedHeap, pages: [Range<UInt64>]) {
    let blocks = heap.blocks
    let kinds = heap.types.indices.map { index -> Kind in
      index == TypedHeap.allocatorInternal ? .allocator : heap.types[index].kind == .native ? .native : .swift
    }
    let tops = heap.walk.arenas.filter { !$0.isMain && $0.topAddress != 0 && $0.topBytes > 0 }.map {
      $0.topAddress..<$0.topAddress &+ $0.topBytes
    }.filter { $0.upperBound > $0.lowerBound }.sorted { $0.lowerBound < $1.lowerBound }
    var index = 0
    var cursor = BlockCursor()
    /// First byte that no block seen so far needs.
    var used: UInt64 = 0
    var empty: [Range<UInt64>] = []
    for range in pages {
      // Blocks that ended before this range lie in memory that is not resident.
      var position = max(range.lowerBound, Swift.min(used, range.upperBound))
      if index > 0, index <= blocks.count {
        // The block before may reach into this range.
        let last = index - 1
        let (start, size) = blocks.extent(last, &cursor)
        let end = start &+ size
        if end > range.lowerBound, start < range.lowerBound {
          add(Swift.min(end, range.upperBound) - range.lowerBound, as: kinds[heap.typeIndex(last)])
        }
      }
      while index < blocks.count {
        let (start, size) = blocks.extent(index, &cursor)
        guard start < range.upperBound else { break }
        let end = start &+ size
        if end > range.lowerBound {
          let low = max(start, range.lowerBound)
          let high = Swift.min(end, range.upperBound)
          add(high - low, as: kinds[heap.typeIndex(index)])
          // The header before a block is in use too.
          Self.note(from: position, to: low >= 16 ? low - 16 : low, after: used, &empty)
          position = max(position, high)
        }
        used = max(used, end)
        index += 1
      }
      Self.note(from: position, to: range.upperBound, after: used, &empty)
    }
    let free = empty.reduce(0) { $0 &+ ($1.upperBound - $1.lowerBound) }
    let topPages = RangeMath.intersection(empty, tops).reduce(0) {
      $0 &+ ($1.upperBound - $1.lowerBound) & ~(Self.page - 1)
    }
    threadTops = topPages
    trimmable = free &- Swift.min(topPages, free)
  }

  /// Of blocks that were counted and not kept: what was written counts as resident.
  ///
  /// - Parameters:
  ///   - unwritten: parts of large blocks; what small ones have of them shares its pages with others.
  ///   - most: resident bytes of the heap. Where more is live, the rest is in swap.
  init(counted analysis: HeapAnalysis, unwritten: UnwrittenBytes, most: UInt64) {
    let absent = analysis.heap.censusBytes(of: unwritten.blocks)
    for row in analysis.census {
      add(row.bytes - Swift.min(absent[row.type] ?? 0, row.bytes), as: row.kind == .native ? .native : .swift)
    }
    let live = swift &+ native
    guard live > most else { return }
    swift = UInt64(Double(swift) / Double(live) * Double(most))
    native = most - Swift.min(swift, most)
  }

  private enum Kind { case swift, native, allocator }

  private mutating func add(_ bytes: UInt64, as kind: Kind) {
    switch kind {
    case .swift: swift &+= bytes
    case .native: native &+= bytes
    case .allocator: allocatorOwn &+= bytes
    }
  }

  /// Whole pages of a gap.
  ///
  /// - Parameter last: end of the last block before it, which may lie in memory that is not resident.
  private static func note(
    from start: UInt64, to end: UInt64, after last: UInt64, _ empty: inout [Range<UInt64>]
  ) {
    let free = max(start, last &+ header <= last ? start : last &+ header)
    let first = (free &+ page &- 1) & ~(page &- 1)
    let final = end & ~(page &- 1)
    if final > first, first >= start { empty.append(first..<final) }
  }
}
