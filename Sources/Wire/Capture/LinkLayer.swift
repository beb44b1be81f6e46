/// What comes before the IP header, by the link types of libpcap (tcpdump.org, linktypes).
enum LinkLayer {
  static func isKnown(_ type: UInt32) -> Bool { [0, 1, 12, 14, 101, 108, 113, 228, 229, 276].contains(type) }

  /// The IP packet inside; nil where there is none.
  static func ip(_ packet: ArraySlice<UInt8>, type: UInt32) -> ArraySlice<UInt8>? {
    var reader = ByteReader(packet)
    switch type {
    // BSD loopback: a protocol family in four bytes.
    case 0, 108: return reader.skip(4) ? reader.rest : nil
    case 1: return reader.skip(12) ? afterEtherType(&reader) : nil
    // Raw IP.
    case 12, 14, 101, 228, 229: return packet
    // Linux "cooked", as `any` captures: the protocol comes last in version 1 and first in version 2.
    case 113: return reader.skip(14) ? afterEtherType(&reader) : nil
    case 276:
      guard let kind = reader.big16(), reader.skip(18), isIP(kind) else { return nil }
      return reader.rest
    default: return nil
    }
  }

  private static func isIP(_ kind: UInt16) -> Bool { kind == 0x0800 || kind == 0x86dd }

  /// The type, and up to two VLAN tags before it (IEEE 802.1Q).
  private static func afterEtherType(_ reader: inout ByteReader) -> ArraySlice<UInt8>? {
    for _ in 0..<3 {
      guard let kind = reader.big16() else { return nil }
      if isIP(kind) { return reader.rest }
      guard kind == 0x8100 || kind == 0x88a8, reader.skip(2) else { return nil }
    }
    return nil
  }
}
