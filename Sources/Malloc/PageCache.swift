import ProcessImage

/// Random access to words of the image through a small direct-mapped cache of pages: what following free lists needs.
///
/// Every read answers nil where the image has no memory. O(1) memory (1 MiB).
final class PageCache {
  private let memory: any MemoryReader
  private let pages: UnsafeMutableRawBufferPointer
  private var tags: [UInt64]
  private static let pageCount = 256
  private static let pageSize = 4096

  init(_ memory: any MemoryReader) {
    self.memory = memory
    self.pages = .allocate(byteCount: Self.pageCount * Self.pageSize, alignment: 16)
    // Tags hold page number + 1, so that 0 means empty.
    self.tags = [UInt64](repeating: 0, count: Self.pageCount)
  }

  deinit { pages.deallocate() }

  /// The 64-bit little-endian word at `address`, which need not be aligned.
  func word(_ address: UInt64) -> UInt64? {
    let offset = Int(address & UInt64(Self.pageSize - 1))
    if offset <= Self.pageSize - 8, let slot = slot(of: address >> 12) {
      return UnsafeRawPointer(pages.baseAddress.unsafelyUnwrapped).loadUnaligned(
        fromByteOffset: slot * Self.pageSize + offset, as: UInt64.self)
    }
    // Across pages, or in a page that is only partly there.
    return try? memory.load(UInt64.self, at: address)
  }

  /// The 32-bit little-endian word at `address`.
  func word32(_ address: UInt64) -> UInt32? {
    if address & 7 == 4 {
      return word(address &- 4).map { UInt32(truncatingIfNeeded: $0 >> 32) }
    }
    return word(address).map { UInt32(truncatingIfNeeded: $0) }
  }

  /// `count` words from `address`, or nil where any of them is missing. `count` is the caller's own bound.
  func words(_ address: UInt64, count: Int) -> [UInt64]? {
    try? memory.words(at: address, count: count)
  }

  private func slot(of page: UInt64) -> Int? {
    let slot = Int(page % UInt64(Self.pageCount))
    if tags[slot] == page &+ 1 { return slot }
    let target = UnsafeMutableRawBufferPointer(
      rebasing: pages[slot * Self.pageSize..<(slot + 1) * Self.pageSize])
    do throws(MemoryError) {
      try memory.read(page << 12, into: target)
    } catch {
      tags[slot] = 0
      return nil
    }
    tags[slot] = page &+ 1
    return slot
  }
}
