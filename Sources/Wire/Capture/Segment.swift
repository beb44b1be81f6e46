/// An end of a TCP connection. IPv4 addresses are kept as IPv4-mapped IPv6 ones (RFC 4291, 2.5.5.2).
public struct Endpoint: Hashable, Sendable {
  public var high: UInt64
  public var low: UInt64
  public var port: UInt16

  init(high: UInt64, low: UInt64, port: UInt16) {
    self.high = high
    self.low = low
    self.port = port
  }

  init(ipv4: UInt32, port: UInt16) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(ipv4), port: port) }
}

/// One TCP segment.
struct Segment {
  var source: Endpoint
  var destination: Endpoint
  var sequence: UInt32
  var isSYN: Bool
  var isFIN: Bool
  var isRST: Bool
  /// What was captured of it; a capture may cut packets short.
  var payload: ArraySlice<UInt8>
  /// Bytes on the wire that the capture cut off.
  var cutBytes: Int

  /// Reads an IPv4 or IPv6 packet (RFC 791, RFC 8200) with TCP in it; nil for anything else, fragments included.
  init?(ip packet: ArraySlice<UInt8>) {
    guard let first = packet.first else { return nil }
    var reader = ByteReader(packet)
    switch first >> 4 {
    case 4:
      guard reader.skip(2), let total = reader.big16(), reader.skip(2), let fragment = reader.big16(), reader.skip(1),
        let kind = reader.byte(), reader.skip(2), let source = reader.big32(), let destination = reader.big32()
      else { return nil }
      let header = Int(first & 15) * 4
      // More fragments to come, or not the first one.
      guard kind == 6, fragment & 0x3fff == 0, header >= 20, reader.skip(header - 20) else { return nil }
      // Packets that the kernel put together may have no length.
      self.init(tcp: reader, length: (total == 0 ? packet.count : Int(total)) - header)
      self.source = Endpoint(ipv4: source, port: self.source.port)
      self.destination = Endpoint(ipv4: destination, port: self.destination.port)
    case 6:
      guard reader.skip(4), let length = reader.big16(), let next = reader.byte(), reader.skip(1),
        let sourceHigh = reader.big64(), let sourceLow = reader.big64(), let high = reader.big64(),
        let low = reader.big64()
      else { return nil }
      // Extension headers do not occur between a service and its database.
      guard next == 6 else { return nil }
      self.init(tcp: reader, length: length == 0 ? reader.remaining : Int(length))
      self.source = Endpoint(high: sourceHigh, low: sourceLow, port: self.source.port)
      self.destination = Endpoint(high: high, low: low, port: self.destination.port)
    default: return nil
    }
  }

  /// - Parameters:
  ///   - reader: at the first byte of the TCP header (RFC 9293, 3.1).
  ///   - length: bytes of header and payload on the wire.
  private init?(tcp reader: ByteReader, length: Int) {
    var reader = reader
    guard let source = reader.big16(), let destination = reader.big16(), let sequence = reader.big32(), reader.skip(4),
      let offset = reader.byte(), let flags = reader.byte(), reader.skip(6)
    else { return nil }
    let header = Int(offset >> 4) * 4
    guard header >= 20, length >= header, reader.skip(header - 20) else { return nil }
    let wanted = length - header
    self.source = Endpoint(high: 0, low: 0, port: source)
    self.destination = Endpoint(high: 0, low: 0, port: destination)
    self.sequence = sequence
    isFIN = flags & 1 != 0
    isSYN = flags & 2 != 0
    isRST = flags & 4 != 0
    payload = reader.rest.prefix(wanted)
    cutBytes = wanted - payload.count
  }
}
