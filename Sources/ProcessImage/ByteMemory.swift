/// Memory made of byte arrays at chosen addresses: what tests and fuzzers read.
public struct ByteMemory: MemoryReader {
  /// Segments sorted by address; they do not overlap.
  private var segments: [(start: UInt64, bytes: [UInt8])] = []

  public init() {}

  /// Adds `bytes` at `start`. Overlapping an earlier segment is a mistake of the caller: the earlier one wins.
  public mutating func add(_ bytes: [UInt8], at start: UInt64) {
    let index = segments.firstIndex { $0.start > start } ?? segments.count
    segments.insert((start, bytes), at: index)
  }

  /// Overwrites bytes that lie wholly inside one segment; returns false where they do not.
  @discardableResult
  public mutating func store(_ bytes: [UInt8], at address: UInt64) -> Bool {
    for index in segments.indices {
      let start = segments[index].start
      guard address >= start, let offset = Int(exactly: address - start),
        offset <= segments[index].bytes.count - bytes.count
      else { continue }
      segments[index].bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
      return true
    }
    return false
  }

  /// Overwrites one little-endian integer.
  @discardableResult
  public mutating func store<T: FixedWidthInteger>(_ value: T, at address: UInt64) -> Bool {
    withUnsafeBytes(of: value.littleEndian) { store(Array($0), at: address) }
  }

  public func read(_ address: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
    var position = address
    var filled = 0
    while filled < buffer.count {
      guard
        let segment = segments.last(where: { $0.start <= position }),
        position - segment.start < UInt64(segment.bytes.count)
      else { throw .unreadable(address: address, count: buffer.count) }
      let offset = Int(position - segment.start)
      let step = min(buffer.count - filled, segment.bytes.count - offset)
      UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + step])
        .copyBytes(from: segment.bytes[offset..<offset + step])
      filled += step
      position += UInt64(step)
    }
  }
}
