import CLinux

/// An ELF file as the loader put it into memory: what can be told without the file.
struct ELFImage: Sendable {
  /// Where its header lies.
  let base: UInt64
  let header: ELFHeader
  let segments: [ELFSegment]
  /// Difference between run-time addresses and virtual addresses.
  let bias: UInt64

  /// Pages are what the loader maps, so virtual addresses are cut to them.
  static let pageMask: UInt64 = 0xfff
  /// The loader itself accepts no more than a page of them or so; real files have about ten.
  private static let maximumSegments = 512

  /// nil where no ELF header with its program headers lies at `base`.
  init?(memory: any MemoryReader, base: UInt64) {
    guard let head = try? memory.bytes(at: base, count: ELFHeader.size), let header = try? ELFHeader(head),
      header.type == UInt16(ET_EXEC) || header.type == UInt16(ET_DYN),
      Int(header.programHeaderSize) == ELFSegment.entrySize, header.programHeaderCount > 0,
      Int(header.programHeaderCount) <= Self.maximumSegments,
      let table = try? memory.bytes(
        at: base &+ header.programHeaderOffset, count: Int(header.programHeaderCount) * ELFSegment.entrySize)
    else { return nil }
    self.base = base
    self.header = header
    segments = (0..<Int(header.programHeaderCount)).compactMap { ELFSegment(table, at: $0 * ELFSegment.entrySize) }
    // The segment that holds the file's first byte tells where the file was put.
    guard let first = segments.first(where: { $0.isLoad && $0.fileOffset & ~Self.pageMask == 0 }) else { return nil }
    bias = base &- (first.virtualAddress & ~Self.pageMask)
  }

  /// Run-time addresses of a segment, cut to whole pages; nil where they wrap round.
  func pages(of segment: ELFSegment) -> Range<UInt64>? {
    let start = (bias &+ segment.virtualAddress) & ~Self.pageMask
    let (last, overflow) = (bias &+ segment.virtualAddress).addingReportingOverflow(segment.memorySize)
    guard !overflow, last <= UInt64.max - Self.pageMask, last > start else { return nil }
    return start..<((last + Self.pageMask) & ~Self.pageMask)
  }

  /// From the lowest to one past the highest address, bss included.
  var range: Range<UInt64>? {
    let loads = segments.filter(\.isLoad).compactMap(pages(of:))
    guard let start = loads.map(\.lowerBound).min(), let end = loads.map(\.upperBound).max() else { return nil }
    return start..<end
  }

  /// The GNU build id as lower-case hex.
  func buildID(memory: any MemoryReader) -> String? {
    for segment in segments where segment.type == UInt32(PT_NOTE) && segment.memorySize <= 1 << 16 {
      guard let bytes = try? memory.bytes(at: bias &+ segment.virtualAddress, count: Int(segment.memorySize)),
        let id = ELFNote.buildID(in: bytes, alignment: segment.alignment)
      else { continue }
      return id
    }
    return nil
  }
}
