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

  /// Makes `range` readable by `word`. Cheap where it already is.
  ///
  /// - Returns: false where the image has no such memory.
  /// - Throws: only `MemoryError.targetGone`: the rest of the image is still good when one range is not.
  func load(_ range: Range<UInt64>) throws(MemoryError) -> Bool {
    if range.lowerBound >= start && range.upperBound <= end { return true }
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
