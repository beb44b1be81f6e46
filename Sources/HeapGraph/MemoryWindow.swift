import ProcessImage

/// A moving window over an image: large reads, small look-ups. One a thread.
final class MemoryWindow {
  /// Largest range that `load` accepts, in bytes.
  static let capacity = 1 << 20

  private let memory: any MemoryReader
  private let buffer: UnsafeMutableRawBufferPointer
  private var start: UInt64 = 0
  private var end: UInt64 = 0

  init(_ memory: any MemoryReader) {
    self.memory = memory
    buffer = .allocate(byteCount: Self.capacity, alignment: 4096)
  }

  deinit { buffer.deallocate() }

  /// Small pieces asked for one behind the other, or one before the other, are read ahead: a system call costs about as much as copying 8 KiB.
  private static let smallest: UInt64 = 4 << 10
  private static let farthest: UInt64 = 64 << 10
  private var ahead: UInt64 = 0
  private var last: UInt64 = 0

  /// Makes `range` readable by `word`. Cheap where it already is.
  ///
  /// - Returns: false where the image has no such memory.
  /// - Throws: only `MemoryError.targetGone`: the rest of the image is still good when one range is not.
  @inline(__always)
  func load(_ range: Range<UInt64>) throws(MemoryError) -> Bool {
    if range.lowerBound >= start && range.upperBound <= end { return true }
    return try miss(range)
  }

  /// The first address from `address` on that may hold anything but zeros; `end` where there is none.
  func skippingUntouched(_ address: UInt64, to end: UInt64) -> UInt64 { memory.skippingUntouched(address, to: end) }

  private func miss(_ range: Range<UInt64>) throws(MemoryError) -> Bool {
    guard range.upperBound - range.lowerBound < Self.smallest else { return try fill(range) }
    let isForward = range.lowerBound >= last
    let distance = isForward ? range.lowerBound - last : last - range.lowerBound
    ahead = distance > Self.farthest + ahead ? 0 : max(Self.smallest / 4, min(ahead * 2, Self.farthest))
    last = range.lowerBound
    if ahead > range.upperBound - range.lowerBound, range.lowerBound > ahead, range.upperBound < UInt64.max - ahead {
      let wide =
        isForward
        ? range.lowerBound..<range.lowerBound + ahead : range.upperBound - ahead..<range.upperBound
      if try fill(wide) { return true }
      ahead = 0
    }
    return try fill(range)
  }

  private func fill(_ range: Range<UInt64>) throws(MemoryError) -> Bool {
    guard range.upperBound - range.lowerBound <= UInt64(Self.capacity) else { return false }
    start = 0
    end = 0
    let count = Int(range.upperBound - range.lowerBound)
    do throws(MemoryError) {
      try memory.read(range.lowerBound, into: UnsafeMutableRawBufferPointer(rebasing: buffer[0..<count]))
    } catch {
      if error == .targetGone { throw error }
      return false
    }
    start = range.lowerBound
    end = range.upperBound
    return true
  }

  /// The loaded word at `address`. The caller has loaded a range that holds it.
  @inline(__always)
  func word(_ address: UInt64) -> UInt64 {
    precondition(address >= start && address &+ 8 <= end)
    return buffer.baseAddress.unsafelyUnwrapped.loadUnaligned(fromByteOffset: Int(address - start), as: UInt64.self)
  }
}
