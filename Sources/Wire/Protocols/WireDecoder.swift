/// Protocols that are understood.
public enum WireProtocol: String, Codable, Sendable, Hashable, CaseIterable {
  case mysql, postgresql, redis
}

/// An answered statement.
struct Exchange {
  var statement: Fingerprint
  var rows: UInt64 = 0
  var bytes: UInt64 = 0
  var isError = false
  /// Nanoseconds since 1970: the request, and the end of its answer.
  var start: UInt64
  var end: UInt64

  /// Counts rows. A server may say any number, so the sum stays at the largest one.
  mutating func addRows(_ count: UInt64) { rows = rows.addingClamped(count) }
}

extension UInt64 {
  /// The sum, or the largest number where it does not fit.
  func addingClamped(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}

/// What a connection turned out to be, where it cannot be decoded.
enum Opaque: Error, Hashable {
  case encrypted
  case compressed
  /// Not this protocol, or out of step: to be tried anew at the next request.
  case lost
}

/// Follows one connection. One file a protocol; the table is `Decoders.make`.
protocol WireDecoder {
  /// - Throws: `Opaque`.
  mutating func client(_ bytes: ArraySlice<UInt8>, time: UInt64) throws(Opaque)
  mutating func server(_ bytes: ArraySlice<UInt8>, time: UInt64) throws(Opaque)
  /// Exchanges that ended since the last call.
  mutating func takeExchanges() -> [Exchange]
}

enum Decoders {
  /// - Parameter isFromStart: whether the beginning of the connection was seen.
  static func make(_ kind: WireProtocol, isFromStart: Bool) -> any WireDecoder {
    switch kind {
    case .mysql: MySQLDecoder(isFromStart: isFromStart)
    case .postgresql: PostgreSQLDecoder(isFromStart: isFromStart)
    case .redis: RedisDecoder()
    }
  }

  /// Longest part of a statement that is looked at.
  static let statementLimit = 128 << 10

  /// What the first bytes of one side look like; nil where they fit nothing.
  static func guess(_ bytes: ArraySlice<UInt8>, isClient: Bool) throws(Opaque) -> WireProtocol? {
    let head = Array(bytes.prefix(8))
    // Some clients send a request in pieces, line by line: `*2` alone tells enough.
    if isClient, (3...4).contains(head.count), head[0] == UInt8(ascii: "*"),
      (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(head[1])
    {
      return .redis
    }
    guard head.count >= 5 else { return nil }
    // A TLS record: handshake or application data, version 3.x (RFC 8446, 5.1).
    if (head[0] == 0x16 || head[0] == 0x17) && head[1] == 3 && head[2] <= 4 { throw .encrypted }
    let little = Int(head[0]) | Int(head[1]) << 8 | Int(head[2]) << 16
    let big = head[1..<5].reduce(0) { $0 << 8 | Int($1) }
    if isClient {
      let start = head.prefix(4).reduce(0) { $0 << 8 | Int($1) }
      if head[0] == 0, start >= 8, start <= 10_000 { return .postgresql }
      // A whole packet of MySQL with the number 0.
      if head[3] == 0, little + 4 == bytes.count, head[4] <= 0x1f { return .mysql }
      if "QPBECDFSH".utf8.contains(head[0]), big >= 4, big < 1 << 24, head[1] == 0 { return .postgresql }
      if head[0] == UInt8(ascii: "*"), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(head[1]) { return .redis }
      if head[3] == 0, little + 4 >= bytes.count, head[4] <= 0x1f { return .mysql }
      let letters = head.prefix(3)
      if letters.allSatisfy({ ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7a }) { return .redis }
      return nil
    }
    // The server of MySQL speaks first: a packet 0 with the version of its handshake.
    if head[3] == 0, head[4] == 10, little > 20, little < 1_024 { return .mysql }
    return nil
  }
}
