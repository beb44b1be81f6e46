import ProcessImage

/// The parts of `mp_` (`struct malloc_par`) that a walk needs.
struct MallocParameters: Sendable, Hashable {
  /// Where the fields of `mp_` lie relative to its `sbrk_base`; they moved in 2.35 and 2.43.
  enum Layout: Sendable, Hashable, CaseIterable {
    /// 2.31 to 2.34.
    case beforeHugePages
    /// 2.35 to 2.42: `thp_pagesize`, `hp_pagesize`, `hp_flags` before `n_mmaps`.
    case hugePages
    /// 2.43: `thp_mode` before them.
    case hugePageModes

    var mmapCount: UInt64 { self == .beforeHugePages ? 32 : 36 }
    /// Distance of `arena_test` before `sbrk_base`.
    var arenaTest: UInt64 {
      switch self {
      case .beforeHugePages: 48
      case .hugePages: 72
      case .hugePageModes: 80
      }
    }
    /// Distance of the first field, `trim_threshold`, before `sbrk_base`.
    var start: UInt64 { arenaTest + 24 }
  }

  var layout: Layout
  /// Address of the field `sbrk_base`.
  var anchor: UInt64
  /// First address that `brk` gave to `malloc`; 0 where the main arena was never used.
  var sbrkBase: UInt64
  /// Chunks that have a mapping of their own, and the bytes of those mappings.
  var mmapCount: UInt64
  var mmapBytes: UInt64
  /// Explicit huge pages for heaps: 0 where the tunable is off.
  var hugePageSize: UInt64
  /// Most chunks in one list of a thread cache.
  var tcacheCount: UInt64

  /// Memory that `mp_` itself takes; it holds no roots.
  var range: Range<UInt64> { anchor &- layout.start..<anchor &+ 40 }

  /// Finds `mp_` near the arena by its fields: no single one is reliable, tunables change most of them.
  ///
  /// - Returns: the best scored candidate, or nil where none is plausible.
  static func locate(
    in image: ProcessImage, ring: ArenaRing, space: AddressSpace, cache: PageCache
  ) -> MallocParameters? {
    guard let top = cache.word(ring.main &+ ring.layout.top) else { return nil }
    let isUnused = top == ring.main &+ ring.layout.top
    var best: (score: Int, parameters: MallocParameters)?
    for range in image.modules[ring.module].writableRanges where range.upperBound <= AddressSpace.limit {
      guard range.upperBound > range.lowerBound, range.upperBound - range.lowerBound <= 64 << 20 else { continue }
      var address = (range.lowerBound &+ 7 &+ 104) & ~7
      while address < range.upperBound, range.upperBound - address >= 40 {
        defer { address += 8 }
        guard let base = cache.word(address) else { continue }
        guard isUnused ? base == 0 : isHeapStart(base, space: space, cache: cache) else { continue }
        for layout in Layout.allCases {
          // Without fastbins it is 2.43; with them it is not.
          guard (layout == .hugePageModes) == !ring.layout.hasFastbins else { continue }
          if let (score, parameters) = candidate(at: address, base: base, layout: layout, cache: cache),
            score > (best?.score ?? 0)
          {
            best = (score, parameters)
          }
        }
      }
    }
    return best?.parameters
  }

  /// A chunk chain may begin at `base`.
  private static func isHeapStart(_ base: UInt64, space: AddressSpace, cache: PageCache) -> Bool {
    guard space.contains(base, count: 32) else { return false }
    let first = Chunk.alignUp(base, 16)
    guard let word = cache.word(first &+ 8) else { return false }
    let size = Chunk.size(word)
    return word & Chunk.previousInUse != 0 && word & (Chunk.isMapped | Chunk.nonMainArena) == 0
      && size >= 16 && size & 15 == 0 && space.contains(first, count: size)
  }

  private static func candidate(
    at anchor: UInt64, base: UInt64, layout: Layout, cache: PageCache
  ) -> (Int, MallocParameters)? {
    guard let mostBytes = cache.word(anchor - 8), let bytes = cache.word(anchor - 16),
      let count = cache.word32(anchor - layout.mmapCount),
      let limit = cache.word32(anchor - layout.mmapCount + 4),
      let most = cache.word32(anchor - layout.mmapCount + 8),
      let arenaTest = cache.word(anchor - layout.arenaTest),
      let tcacheBins = cache.word(anchor + 8), let tcacheBytes = cache.word(anchor + 16),
      let tcacheCount = cache.word(anchor + 24)
    else { return nil }
    guard bytes <= mostBytes, count <= most, bytes % Chunk.page == 0, mostBytes % Chunk.page == 0,
      most < 1 << 24, tcacheCount <= 65_535, tcacheBins <= 1 << 20, mostBytes < 1 << 47
    else { return nil }
    var score = 1
    if (count == 0) == (bytes == 0) && UInt64(count) * Chunk.page <= bytes { score += 4 }
    if (most == 0) == (mostBytes == 0) { score += 2 }
    if limit == 65_536 { score += 4 }
    if arenaTest == 8 { score += 4 }
    if tcacheBins == 64 { score += 2 }
    if tcacheBytes == 1032 || tcacheBytes == 1033 { score += 2 }
    if tcacheCount == 7 || tcacheCount == 16 { score += 2 }
    // Two defaults at least, or the counters are somebody else's.
    guard score >= 8 else { return nil }
    var hugePageSize: UInt64 = 0
    if layout != .beforeHugePages, let size = cache.word(anchor - 48), size & (size &- 1) == 0, size < 1 << 36 {
      hugePageSize = size
    }
    return (
      score,
      MallocParameters(
        layout: layout, anchor: anchor, sbrkBase: base, mmapCount: UInt64(count), mmapBytes: bytes,
        hugePageSize: hugePageSize, tcacheCount: tcacheCount)
    )
  }
}
