import ProcessImage

/// Reads forward through memory with a read size that follows the access pattern.
///
/// A heap of small blocks is read sequentially in ever larger pieces (up to 1 MiB); a heap of large blocks is read
/// header by header, so that its contents never cross from the target. O(1) memory.
final class WalkWindow {
  private let memory: any MemoryReader
  private let buffer: UnsafeMutableRawBufferPointer
  private let base: UnsafeMutableRawPointer
  /// The address range that the buffer holds.
  private(set) var start: UInt64 = 0
  private(set) var end: UInt64 = 0
  /// One past the last byte that may be asked for: the end of the readable memory around the segment.
  private var limit: UInt64 = 0
  private var step = 4096
  /// Bytes that were read so far, for measurements.
  private(set) var bytesRead: UInt64 = 0
  /// Reads that were issued so far, for measurements.
  private(set) var readCount = 0

  private static let largestStep = 1 << 20
  private static let smallestStep = 128
  /// A hop past the window's end that is shorter than this still counts as sequential.
  private static let sequentialGap: UInt64 = 512

  init(_ memory: any MemoryReader) {
    self.memory = memory
    base = .allocate(byteCount: Self.largestStep, alignment: 16)
    buffer = UnsafeMutableRawBufferPointer(start: base, count: Self.largestStep)
  }

  deinit { base.deallocate() }

  /// Starts a new piece of readable memory that ends at `limit`.
  func begin(limit: UInt64) {
    self.limit = limit
    start = 0
    end = 0
    step = 4096
  }

  /// What the window holds at the moment, as a value: the walk's inner loop reads through it. Invalid after the next `move` or `begin`.
  struct View {
    let start: UInt64
    let end: UInt64
    fileprivate let base: UnsafeRawPointer

    /// It covers `address ..< address + count`.
    @inline(__always)
    func covers(_ address: UInt64, _ count: UInt64) -> Bool {
      address >= start && address < end && end &- address >= count
    }

    /// The little-endian word at `address`, or 0 where the window does not cover it.
    @inline(__always)
    func word(_ address: UInt64) -> UInt64 {
      guard covers(address, 8) else { return 0 }
      return base.loadUnaligned(fromByteOffset: Int(truncatingIfNeeded: address &- start), as: UInt64.self)
    }
  }

  var view: View { View(start: start, end: end, base: UnsafeRawPointer(base)) }

  /// Makes the window cover `count` bytes at `address` (fewer where the limit comes first).
  ///
  /// - Returns: false where fewer than `minimum` bytes can be had.
  func move(to address: UInt64, count: Int, minimum: Int) -> Bool {
    guard address < limit, limit - address >= UInt64(minimum) else { return false }
    let isSequential = address >= start && (address <= end || address - end < Self.sequentialGap) && end > start
    if isSequential {
      step = min(step * 2, Self.largestStep)
    } else if end > start {
      step = max(step / 4, Self.smallestStep)
    }
    let wanted = min(UInt64(max(step, count)), limit - address)
    if fill(address, Int(wanted)) { return true }
    // A hole behind the header: what is needed may still be there.
    step = Self.smallestStep
    for size in [count, minimum] where UInt64(size) <= limit - address {
      if fill(address, size) { return true }
    }
    start = 0
    end = 0
    return false
  }

  private func fill(_ address: UInt64, _ count: Int) -> Bool {
    guard count > 0, count <= buffer.count else { return false }
    do throws(MemoryError) {
      try memory.read(address, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
    } catch { return false }
    start = address
    end = address + UInt64(count)
    bytesRead &+= UInt64(count)
    readCount += 1
    return true
  }
}
