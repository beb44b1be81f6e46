import ProcessImage

/// The target's memory as the metadata decoder reads it: nil instead of errors, because a bad pointer in metadata is
/// ordinary and only means "not that".
struct TargetMemory: Sendable {
  let reader: any MemoryReader
  /// User addresses end here on x86-64 with four-level page tables.
  static let addressLimit: UInt64 = 1 << 47

  func load<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self, at address: UInt64) -> T? {
    guard address >= 0x1000, address < Self.addressLimit else { return nil }
    return try? reader.load(type, at: address)
  }

  func word(_ address: UInt64) -> UInt64? { load(UInt64.self, at: address) }
  func half(_ address: UInt64) -> UInt32? { load(UInt32.self, at: address) }

  func bytes(_ address: UInt64, count: Int) -> [UInt8]? {
    guard address >= 0x1000, address < Self.addressLimit, count >= 0, count <= 1 << 16 else { return nil }
    return try? reader.bytes(at: address, count: count)
  }

  /// Target of a 32-bit offset relative to its own address; nil where the offset is 0 (a null reference).
  func relative(_ address: UInt64) -> UInt64? {
    guard let offset = load(Int32.self, at: address), offset != 0 else { return nil }
    return address &+ UInt64(bitPattern: Int64(offset))
  }

  /// The same with the low bit saying that the target holds the address.
  func relativeIndirectable(_ address: UInt64) -> UInt64? {
    guard let offset = load(Int32.self, at: address), offset != 0 else { return nil }
    let target = address &+ UInt64(bitPattern: Int64(offset & ~1))
    guard offset & 1 != 0 else { return target }
    return word(target).flatMap { $0 == 0 ? nil : $0 }
  }

  /// A NUL-terminated name: not empty, valid UTF-8, no control characters.
  func name(at address: UInt64, limit: Int = 512) -> String? {
    guard address >= 0x1000, address < Self.addressLimit, let bytes = reader.cString(at: address, limit: limit),
      !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self)
    else { return nil }
    for scalar in text.unicodeScalars where scalar.value < 0x20 || scalar.value == 0x7f { return nil }
    return text
  }
}
