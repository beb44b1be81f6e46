/// What lies in a remote tier around the bytes of a value: 32 bytes, little-endian, described in docs/local-cache-tiers.md.
///
/// Everything that does not fit (another cache's bytes, another version, a torn or changed value) is told apart before the value's own
/// decoder sees it.
struct RemoteEnvelope: Equatable {
  static let magic: [UInt8] = [0x4C, 0x43, 0x45, 1]  // "LCE", version 1 of the envelope
  static let headerSize = 32

  /// Version of the value's coding.
  var version: UInt32
  /// When the value ends, in milliseconds since 1970.
  var deadline: Int64
  /// Time that its load took.
  var loadMicroseconds: UInt32
  /// Nil: it is known that there is no value.
  var payload: [UInt8]?

  enum Reading: Equatable {
    case value(RemoteEnvelope)
    /// Sound, but of another version of the value's coding.
    case otherVersion
    case garbage
  }

  var bytes: [UInt8] {
    var bytes = Self.magic
    bytes.reserveCapacity(Self.headerSize + (payload?.count ?? 0))
    bytes.append(littleEndian: version)
    bytes.append(littleEndian: UInt64(bitPattern: deadline))
    bytes.append(littleEndian: loadMicroseconds)
    bytes.append(littleEndian: payload == nil ? 1 : 0 as UInt32)
    bytes.append(littleEndian: Self.checksum(header: bytes[...], payload: payload?[...] ?? []))
    if let payload { bytes += payload }
    return bytes
  }

  static func read(_ bytes: [UInt8], version: UInt32) -> Reading {
    guard bytes.count >= headerSize, bytes.starts(with: magic) else { return .garbage }
    let header = bytes[..<24]
    let payload = bytes[headerSize...]
    let flags = UInt32(truncatingIfNeeded: bytes.littleEndian(at: 20, count: 4))
    guard bytes.littleEndian(at: 24, count: 8) == checksum(header: header, payload: payload), flags <= 1,
      flags == 0 || payload.isEmpty
    else { return .garbage }
    guard bytes.littleEndian(at: 4, count: 4) == UInt64(version) else { return .otherVersion }
    return .value(
      RemoteEnvelope(
        version: version, deadline: Int64(bitPattern: bytes.littleEndian(at: 8, count: 8)),
        loadMicroseconds: UInt32(truncatingIfNeeded: bytes.littleEndian(at: 16, count: 4)),
        payload: flags == 1 ? nil : Array(payload)))
  }

  /// FNV-1a, 64 bits (Fowler, Noll, Vo): finds damage, not malice.
  private static func checksum(header: ArraySlice<UInt8>, payload: ArraySlice<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in header { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    for byte in payload { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return hash
  }
}

extension [UInt8] {
  fileprivate mutating func append(littleEndian value: some FixedWidthInteger & UnsignedInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  /// The bytes have to be there.
  fileprivate func littleEndian(at offset: Int, count: Int) -> UInt64 {
    (0..<count).reduce(0) { $0 | UInt64(self[offset + $1]) << (8 * UInt64($1)) }
  }
}
