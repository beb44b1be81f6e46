import Synchronization

/// Keeps recently read pages of another memory, for readers that load a few bytes at a time.
///
/// Bounded: `pageCount` pages of 4 KiB, four places for a page, the oldest of the four makes room. Right only over memory that does not
/// change (a frozen copy, a core file) or where a stale page does no harm. A hit costs a lock and a copy.
public final class PagedMemory: MemoryReader {
  private static let pageSize = 4096
  private static let ways = 4
  /// Longer reads go straight through.
  private static let longestCached = 4 * pageSize

  private struct Cache {
    var pages: [UInt8]
    /// Page number + 1 by slot; 0 is an empty slot.
    var tags: [UInt64]
    var ages: [UInt32]
    var clock: UInt32 = 0
  }

  private let base: any MemoryReader
  private let setMask: UInt64
  private let cache: Mutex<Cache>

  /// - Parameter pageCount: rounded up to a power of two; 1,024 pages are 4 MiB.
  public init(_ base: any MemoryReader, pageCount: Int = 1024) {
    self.base = base
    var slots = Self.ways
    while slots < min(pageCount, 1 << 20) { slots *= 2 }
    setMask = UInt64(slots / Self.ways - 1)
    cache = Mutex(
      Cache(
        pages: [UInt8](repeating: 0, count: slots * Self.pageSize), tags: [UInt64](repeating: 0, count: slots),
        ages: [UInt32](repeating: 0, count: slots)))
  }

  public func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    guard buffer.count > 0 else { return }
    let (_, overflow) = address.addingReportingOverflow(UInt64(buffer.count))
    guard !overflow else { throw .unreadable(address: address, count: buffer.count) }
    guard buffer.count <= Self.longestCached else { return try base.read(address, into: buffer) }
    var filled = 0
    while filled < buffer.count {
      let position = address + UInt64(filled)
      let inPage = Int(position & UInt64(Self.pageSize - 1))
      let count = min(buffer.count - filled, Self.pageSize - inPage)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + count])
      try readInPage(page: position / UInt64(Self.pageSize), offset: inPage, into: part)
      filled += count
    }
  }

  private func readInPage(page: UInt64, offset: Int, into part: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    if cache.withLock({ copyHit(&$0, page: page, offset: offset, into: part) }) { return }
    // Outside the lock: a slow read must not hold up the others.
    let content: [UInt8]
    do throws(MemoryError) {
      content = try base.bytes(at: page &* UInt64(Self.pageSize), count: Self.pageSize)
    } catch .targetGone {
      throw .targetGone
    } catch {
      // The page is only partly there, as in a test's bytes.
      return try base.read(page &* UInt64(Self.pageSize) &+ UInt64(offset), into: part)
    }
    content.withUnsafeBytes {
      part.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + part.count]))
    }
    cache.withLock { keep(&$0, page: page, content) }
  }

  private func copyHit(_ cache: inout Cache, page: UInt64, offset: Int, into part: UnsafeMutableRawBufferPointer)
    -> Bool
  {
    let first = Int(page & setMask) * Self.ways
    for slot in first..<first + Self.ways where cache.tags[slot] == page + 1 {
      cache.clock &+= 1
      cache.ages[slot] = cache.clock
      let start = slot * Self.pageSize + offset
      cache.pages.withUnsafeBytes {
        part.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + part.count]))
      }
      return true
    }
    return false
  }

  private func keep(_ cache: inout Cache, page: UInt64, _ content: [UInt8]) {
    let first = Int(page & setMask) * Self.ways
    var oldest = first
    for slot in first..<first + Self.ways {
      if cache.tags[slot] == page + 1 { return }
      // Distance on a clock that may wrap.
      if cache.tags[slot] == 0 || cache.clock &- cache.ages[slot] > cache.clock &- cache.ages[oldest] { oldest = slot }
      if cache.tags[oldest] == 0 { break }
    }
    cache.clock &+= 1
    cache.tags[oldest] = page + 1
    cache.ages[oldest] = cache.clock
    let start = oldest * Self.pageSize
    content.withUnsafeBytes { source in
      cache.pages.withUnsafeMutableBytes { target in
        UnsafeMutableRawBufferPointer(rebasing: target[start..<start + Self.pageSize]).copyMemory(from: source)
      }
    }
  }
}
