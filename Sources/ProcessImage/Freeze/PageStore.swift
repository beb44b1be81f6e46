import Glibc

/// Pages that were copied out of a stopped process, kept in the tool's own memory. Whatever was not copied is read from the running
/// process: files that nobody writes, shared memory.
public final class PageStore: MemoryReader, @unchecked Sendable {
  // The buffer is filled by the one tracing thread before the store is handed out, and only read afterwards.
  private let buffer: UnsafeMutableRawBufferPointer
  private var used = 0
  /// Sorted; `offset` is where the bytes are in `buffer`.
  private var pieces: [(range: Range<UInt64>, offset: Int)] = []
  private var mappings: [Mapping] = []
  private var present: PresentPages?
  private var isCovered: (Mapping) -> Bool = { _ in false }
  private let live: LiveMemory

  /// Reserves address space for `limit` bytes and makes the first `expected` of them resident, so that the pause is not spent on it.
  ///
  /// Nil where there is not so much memory.
  init?(limit: UInt64, expected: UInt64, live: LiveMemory) {
    self.live = live
    guard let size = Int(exactly: limit), size > 0,
      let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
      base != MAP_FAILED
    else { return nil }
    buffer = UnsafeMutableRawBufferPointer(start: base, count: size)
    // Huge pages (MADV_HUGEPAGE): fewer faults while the target stands still.
    _ = madvise(base, size, 14)
    let eager = min(size, Int(clamping: expected))
    // MADV_POPULATE_WRITE, kernel 5.14. Where it is missing the pages come one by one.
    if eager > 0 { _ = madvise(base, eager, 23) }
  }

  deinit { munmap(buffer.baseAddress, buffer.count) }

  /// Bytes copied so far.
  public var byteCount: UInt64 { UInt64(used) }

  /// Copies the present pages; false where the limit or the process's memory ends.
  ///
  /// - Parameter isCovered: the mappings whose pages `present` lists.
  /// - Parameter read: fills a buffer from an address.
  func fill(
    mappings: [Mapping], present: PresentPages, isCovered: @escaping @Sendable (Mapping) -> Bool,
    read: (UInt64, UnsafeMutableRawBufferPointer) -> Bool
  ) -> Bool {
    self.mappings = mappings
    self.present = present
    self.isCovered = isCovered
    pieces.reserveCapacity(present.ranges.count)
    for range in present.ranges {
      guard let count = Int(exactly: range.upperBound - range.lowerBound), count <= buffer.count - used else {
        return false
      }
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[used..<used + count])
      guard read(range.lowerBound, part) else { return false }
      pieces.append((range, used))
      used += count
    }
    return true
  }

  public func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    guard let present else { throw .unreadable(address: address, count: buffer.count) }
    try SparseRead.read(
      address, into: buffer, mappings: mappings, present: present, isCovered: isCovered, from: Pieces(store: self))
  }

  public func skippingUntouched(_ address: UInt64, to end: UInt64) -> UInt64 {
    guard let present else { return min(address, end) }
    return SparseRead.skippingUntouched(address, to: end, mappings: mappings, present: present, isCovered: isCovered)
  }

  /// Copied pages, and the running process for the rest. `SparseRead` has answered for absent private pages already.
  private struct Pieces: MemoryReader {
    let store: PageStore

    func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
      let end = address &+ UInt64(buffer.count)
      var position = address
      var index = store.present?.ranges.firstIndex(endingAfter: address) ?? 0
      while position < end {
        let piece = index < store.pieces.count ? store.pieces[index] : nil
        let stop: UInt64
        if let piece, piece.range.contains(position) {
          stop = min(end, piece.range.upperBound)
          let offset = piece.offset + Int(position - piece.range.lowerBound)
          let source = UnsafeRawBufferPointer(rebasing: store.buffer[offset..<offset + Int(stop - position)])
          buffer.slice(from: position - address, to: stop - address).copyMemory(from: source)
          index += 1
        } else {
          stop = min(end, piece.map { max($0.range.lowerBound, position) } ?? end)
          try store.live.read(position, into: buffer.slice(from: position - address, to: stop - address))
        }
        position = stop
      }
    }
  }
}
