import ProcessImage

/// Chunks with a mapping of their own: large blocks.
///
/// The kernel merges neighbouring mappings, so they are looked for at page starts, not at mapping starts. `memalign` moves
/// the header into the mapping; there it is where the alignment puts it.
struct MappedChunks {
  struct Found: Sendable, Hashable {
    /// Address of the chunk, and of the mapping that it was given.
    var chunk: UInt64
    var region: Range<UInt64>
    /// `malloc_usable_size`, in bytes.
    var usable: UInt64
  }

  let space: AddressSpace
  let cache: PageCache
  let layout: GlibcLayout
  /// `n_mmaps` and `mmapped_mem`; nil where `mp_` was not found.
  let expected: (count: UInt64, bytes: UInt64)?

  /// Pages that are looked at one by one in each of the slow passes: 1 GiB.
  private static let mostPages: UInt64 = 1 << 18

  /// All mmapped chunks in private anonymous memory outside `claimed`, in address order.
  ///
  /// First only at starts of free stretches and right behind other chunks; every page is looked at only where the allocator's
  /// own counters say that some are missing. O(mappings + chunks), then O(pages).
  func find(outside claimed: [Range<UInt64>]) -> [Found] {
    let stretches = AddressSpace.subtract(AddressSpace.union(claimed), from: space.anonymous)
    var found: [Found] = []
    for stretch in stretches { chain(from: stretch.lowerBound, to: stretch.upperBound, into: &found) }
    guard let expected else { return found }
    if matches(found, expected) { return found }
    // realloc may have moved an aligned block together with its header: then no alignment tells where in the mapping it is.
    var thorough: [Found] = []
    var budget = Self.mostPages
    for stretch in stretches {
      chain(from: stretch.lowerBound, to: stretch.upperBound, pages: &budget, into: &thorough)
    }
    if matches(thorough, expected) { return thorough }
    let rest = AddressSpace.subtract(AddressSpace.union(found.map(\.region)), from: stretches)
    var pages: UInt64 = 0
    for stretch in rest {
      var page = Chunk.alignUp(stretch.lowerBound, Chunk.page)
      while page < stretch.upperBound, pages < Self.mostPages {
        let before = found.count
        chain(from: page, to: stretch.upperBound, into: &found)
        page = found.count > before ? found[found.count - 1].region.upperBound : page &+ Chunk.page
        pages += 1
      }
    }
    found.sort { $0.chunk < $1.chunk }
    return found
  }

  private func matches(_ found: [Found], _ expected: (count: UInt64, bytes: UInt64)) -> Bool {
    UInt64(found.count) == expected.count
      && found.reduce(0) { $0 &+ ($1.region.upperBound - $1.region.lowerBound) } == expected.bytes
  }

  /// Chunks that follow each other without a gap from `start`.
  private func chain(from start: UInt64, to end: UInt64, into found: inout [Found]) {
    var position = start
    while position < end, let next = chunk(at: position, end: end) {
      found.append(next)
      position = next.region.upperBound
    }
  }

  /// The same where chunks may have moved: at each start that has a header, moved ones are looked for in front of every page.
  private func chain(from start: UInt64, to end: UInt64, pages: inout UInt64, into found: inout [Found]) {
    var position = start
    while position < end, let next = movedChunk(at: position, end: end, pages: &pages) ?? chunk(at: position, end: end)
    {
      found.append(next)
      position = next.region.upperBound
    }
  }

  private func movedChunk(at base: UInt64, end: UInt64, pages: inout UInt64) -> Found? {
    guard base & (Chunk.page - 1) == 0, end - base >= 32, let word = cache.word(base &+ 8),
      word & Chunk.flagMask == Chunk.isMapped, cache.word(base) ?? 2 <= 1
    else { return nil }
    var user = base &+ Chunk.page
    while user < end, pages > 0 {
      if let found = validate(user - 16, base: base, end: end) { return found }
      user &+= Chunk.page
      pages -= 1
    }
    return nil
  }

  /// The mmapped chunk whose mapping begins at `base`, a page start.
  func chunk(at base: UInt64, end: UInt64) -> Found? {
    guard base & (Chunk.page - 1) == 0 else { return nil }
    let plain = validate(base, base: base, end: end)
    // memalign: the user's address is the next multiple of the alignment, or the one after it (before 2.38) where the
    // gap would be too small for a chunk. The header that malloc wrote first stays behind at the start, so the moved one wins; without
    // that trace only small alignments are tried, because every page may be a start.
    let largest = plain == nil ? Chunk.page : 1 << 40
    var alignment: UInt64 = 32
    while alignment <= largest, alignment < end - base {
      let user = Chunk.alignUp(base &+ Chunk.header, alignment)
      for candidate in [user, user &+ alignment] where candidate > base &+ Chunk.header && candidate < end {
        if let found = validate(candidate - 16, base: base, end: end) { return found }
      }
      alignment <<= 1
    }
    return plain
  }

  private func validate(_ chunk: UInt64, base: UInt64, end: UInt64) -> Found? {
    guard end > chunk, end - chunk >= 32, let offset = cache.word(chunk), let word = cache.word(chunk &+ 8),
      word & Chunk.flagMask == Chunk.isMapped
    else { return nil }
    let size = Chunk.size(word)
    // 2.43: bit 0 marks huge pages, and the size leaves out the header.
    let place = layout.hasFastbins ? offset : offset & ~1
    let (whole, overflow) = (chunk - base).addingReportingOverflow(layout.hasFastbins ? size : size &+ Chunk.header)
    guard !overflow, size >= 32, place == chunk - base, whole & (Chunk.page - 1) == 0, whole >= Chunk.page,
      whole <= end - base
    else { return nil }
    return Found(chunk: chunk, region: base..<base + whole, usable: layout.hasFastbins ? size - 16 : size - 8)
  }
}
