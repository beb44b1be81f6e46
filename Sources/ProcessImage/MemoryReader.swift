/// Bytes at an address: the one seam that makes a frozen copy, a running process, a core file and a test's byte array
/// the same thing. Nothing above `ProcessImage` knows where the bytes come from.
public protocol MemoryReader: Sendable {
  /// Fills `buffer` with the `buffer.count` bytes at `address`.
  ///
  /// All or nothing: a range that is only partly readable throws, it is never silently shortened.
  /// Pages of private anonymous memory that were never touched read as zeros.
  func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError)

  /// The first address from `address` on, `end` at most, before which all pages are known to have never been written by the process: they read as
  /// zeros, or as the file that is mapped there.
  ///
  /// For scans of whole mappings: a program may reserve terabytes of which it uses a few pages.
  func skippingUntouched(_ address: UInt64, to end: UInt64) -> UInt64
}

extension MemoryReader {
  /// Nothing is known of any page.
  public func skippingUntouched(_ address: UInt64, to end: UInt64) -> UInt64 { min(address, end) }
}

/// Why bytes could not be had.
public enum MemoryError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No readable memory at `address ..< address + count` in the image.
  case unreadable(address: UInt64, count: Int)
  /// The process that the bytes came from is gone (exited, exec'ed, or the frozen copy was killed to protect the target).
  case targetGone

  public var description: String {
    switch self {
    case .unreadable(let address, let count):
      "no readable memory at 0x\(String(address, radix: 16)) (\(count) bytes)"
    case .targetGone:
      "the process ended, or its frozen copy was given up, while it was being read; run the command again"
    }
  }
}

extension MemoryReader {
  /// Loads one trivially copyable value, unaligned, in the target's (little-endian) byte order.
  @inlinable
  public func load<T: BitwiseCopyable>(_ type: T.Type = T.self, at address: UInt64) throws(MemoryError) -> T {
    let size = MemoryLayout<T>.size
    guard size > MemoryLayout<UInt64>.size else {
      let word = try word(at: address, byteCount: size)
      return withUnsafeBytes(of: word) { $0.loadUnaligned(as: T.self) }
    }
    let bytes = try bytes(at: address, count: size)
    return bytes.withUnsafeBytes { $0.loadUnaligned(as: T.self) }
  }

  /// Up to eight bytes; those behind them are 0. Nearly all that is loaded is a word, and what is not generic makes no types as it runs: for
  /// `tasks` that was a third of the time.
  @usableFromInline
  func word(at address: UInt64, byteCount: Int) throws(MemoryError) -> UInt64 {
    var word: UInt64 = 0
    var failure: MemoryError?
    withUnsafeMutableBytes(of: &word) { buffer in
      do throws(MemoryError) {
        try read(address, into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(byteCount)))
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return word
  }

  /// Loads `count` bytes. `count` is capped by the caller: pass a bound that a hostile image cannot choose.
  public func bytes(at address: UInt64, count: Int) throws(MemoryError) -> [UInt8] {
    try array(at: address, count: count)
  }

  /// Loads `count` little-endian 64-bit words.
  public func words(at address: UInt64, count: Int) throws(MemoryError) -> [UInt64] {
    try array(at: address, count: count)
  }

  private func array<T: BitwiseCopyable>(at address: UInt64, count: Int) throws(MemoryError) -> [T] {
    guard count >= 0, count <= (1 << 30) / MemoryLayout<T>.stride else {
      throw .unreadable(address: address, count: count)
    }
    var failure: MemoryError?
    let result = [T](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(MemoryError) {
        try read(address, into: UnsafeMutableRawBufferPointer(buffer))
        initialized = count
      } catch { failure = error }
    }
    if let failure { throw failure }
    return result
  }

  /// Loads a NUL-terminated string of at most `limit` bytes; nil if there is no NUL within the limit or memory ends.
  public func cString(at address: UInt64, limit: Int = 4096) -> [UInt8]? {
    var result: [UInt8] = []
    var position = address
    while result.count < limit {
      // Up to the end of the page, so that a string in the last bytes of a mapping still reads.
      let (pageEnd, overflow) = (position | 0xfff).addingReportingOverflow(1)
      if overflow { return nil }
      let step = min(Int(pageEnd - position), limit - result.count, 64)
      guard let chunk = try? bytes(at: position, count: step) else { return nil }
      if let end = chunk.firstIndex(of: 0) {
        result.append(contentsOf: chunk[..<end])
        return result
      }
      result.append(contentsOf: chunk)
      position += UInt64(step)
    }
    return nil
  }
}
