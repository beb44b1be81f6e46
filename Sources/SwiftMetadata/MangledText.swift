/// The bytes of one mangled type string and where they lie: symbolic references are relative to their own address.
struct MangledText: Sendable {
  var bytes: [UInt8]
  var address: UInt64

  /// Longest string that is read. Real ones stay below a few hundred bytes.
  static let limit = 4096

  init(bytes: [UInt8], address: UInt64) {
    self.bytes = bytes
    self.address = address
  }

  /// Reads up to the NUL that ends the string; NULs inside symbolic references do not end it.
  init?(at address: UInt64, in memory: TargetMemory) {
    var bytes: [UInt8] = []
    var scanned = 0
    while bytes.count < Self.limit {
      let start = address &+ UInt64(bytes.count)
      // Never across a page boundary, so that a string in a mapping's last bytes still reads.
      let step = min(64, Int(0x1000 - (start & 0xfff)))
      guard let chunk = memory.bytes(start, count: step) else { return nil }
      bytes += chunk
      while scanned < bytes.count {
        switch bytes[scanned] {
        case 0:
          guard scanned > 0 else { return nil }
          self.bytes = Array(bytes[..<scanned])
          self.address = address
          return
        case 1...0x17: scanned += 5
        case 0x18...0x1f: scanned += 9
        default: scanned += 1
        }
      }
    }
    return nil
  }
}
