extension [UInt8] {
  /// A little-endian integer at `offset`; nil where it does not lie wholly inside.
  @inlinable
  package func little<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self, at offset: Int) -> T? {
    guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
    return withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
  }

  /// A word of 64 bits, and half a word; 0 where it does not lie wholly inside.
  package func word(_ offset: Int) -> UInt64 { little(at: offset) ?? 0 }
  package func half(_ offset: Int) -> UInt32 { little(at: offset) ?? 0 }

  /// Bytes up to the next NUL at or after `offset`; nil where there is none.
  package func cString(at offset: Int, limit: Int = 1 << 16) -> ArraySlice<UInt8>? {
    guard offset >= 0, offset < count else { return nil }
    let rest = self[offset..<Swift.min(count, offset + limit)]
    return rest.firstIndex(of: 0).map { rest[..<$0] }
  }
}
