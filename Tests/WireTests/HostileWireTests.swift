import Testing

@testable import Wire

/// Traffic of a server or client that lies, or that is only unusual.
@Suite struct HostileWireTests {
  private static func mysql(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [UInt8(payload.count & 0xff), UInt8(payload.count >> 8 & 0xff), 0, number] + payload
  }

  private static func postgresql(_ kind: String, _ payload: [UInt8]) -> [UInt8] {
    let length = payload.count + 4
    return Array(kind.utf8) + [0, UInt8(length >> 16 & 0xff), UInt8(length >> 8 & 0xff), UInt8(length & 0xff)] + payload
  }

  private static func segment(_ sequence: UInt32, _ payload: ArraySlice<UInt8>) throws -> Segment {
    var segment = try #require(Segment(ip: WireFuzzTests.packet(sequence: sequence)[...]))
    segment.payload = payload
    return segment
  }

  /// MySQL, two results of one call (flag 8: more follows), each with as many changed rows as the number can say.
  @Test func rowsThatMySQLSaysStayAtTheLargestNumber() throws {
    var decoder = MySQLDecoder(isFromStart: false)
    try decoder.client(Self.mysql(0, [0x03] + Array("CALL p()".utf8))[...], time: 1)
    let changed: [UInt8] = [0x00, 0xfe] + [UInt8](repeating: 0xff, count: 8) + [0]
    try decoder.server(Self.mysql(1, changed + [8, 0, 0, 0])[...], time: 2)
    try decoder.server(Self.mysql(2, changed + [2, 0, 0, 0])[...], time: 3)
    let exchanges = decoder.takeExchanges()
    #expect(exchanges.map(\.rows) == [.max])
    var row = WireReport.Statement(kind: .mysql, text: "CALL p()")
    for exchange in exchanges + exchanges { row.add(exchange) }
    #expect(row.calls == 2 && row.rows == .max)
  }

  private func rows(ofPostgreSQL answers: [[UInt8]]) throws -> [UInt64] {
    var decoder = PostgreSQLDecoder(isFromStart: false)
    try decoder.client(Self.postgresql("Q", Array("INSERT INTO t SELECT 1\0".utf8))[...], time: 1)
    for answer in answers { try decoder.server(answer[...], time: 2) }
    try decoder.server(Self.postgresql("Z", Array("I".utf8))[...], time: 3)
    return decoder.takeExchanges().map(\.rows)
  }

  @Test func rowsThatPostgreSQLSaysStayAtTheLargestNumber() throws {
    let tag = Self.postgresql("C", Array("UPDATE 18446744073709551615\0".utf8))
    #expect(try rows(ofPostgreSQL: [tag, Self.postgresql("D", [0, 0])]) == [.max])
  }

  @Test func countsOfManyDigitsAreReadWhole() throws {
    let tag = Self.postgresql("C", Array("INSERT 0 12345678901\0".utf8))
    #expect(try rows(ofPostgreSQL: [tag]) == [12_345_678_901])
  }

  /// Thousands of requests in one go: each is moved once on its way through, however many wait behind it.
  @Test func aLongPipelineIsFollowedInOneStepARequest() throws {
    let count = 9_000
    var decoder = PostgreSQLDecoder(isFromStart: false)
    let execute = Self.postgresql("E", [0, 0, 0, 0, 0])
    try decoder.client(Array(repeatElement(execute, count: count).joined())[...], time: 1)
    try decoder.client(Self.postgresql("S", [])[...], time: 1)
    let answer = Self.postgresql("D", [0, 0]) + Self.postgresql("C", Array("SELECT 1\0".utf8))
    for _ in 0..<count { try decoder.server(answer[...], time: 2) }
    #expect(decoder.pending.count == 1 && decoder.pending.moves == count + 1)
    try decoder.server(Self.postgresql("Z", [0x49])[...], time: 3)
    let done = decoder.takeExchanges()
    #expect(decoder.pending.isEmpty && done.count == count && done.allSatisfy { $0.rows == 1 })

    var redis = RedisDecoder()
    try redis.client(Array(repeatElement(Array("PING\r\n".utf8), count: count).joined())[...], time: 1)
    for _ in 0..<count { try redis.server(Array("+PONG\r\n".utf8)[...], time: 2) }
    #expect(redis.takeExchanges().count == count && redis.pending.isEmpty && redis.pending.moves == count)
  }

  /// What comes while others wait is answered after them.
  @Test func requestsAreAnsweredInTheirOrder() {
    var backlog = Backlog<Int>()
    backlog.append(1)
    backlog.append(2)
    #expect(backlog.oldest == 1 && backlog.next() == 1)
    backlog.append(3)
    backlog.updateOldest { $0 = 20 }
    #expect(backlog.count == 2 && backlog.next() == 20 && backlog.oldest == 3 && backlog.next() == 3)
    #expect(backlog.next() == nil && backlog.oldest == nil && backlog.isEmpty)
  }

  /// The name of a statement may be as long as a message; a thousand of them are remembered.
  @Test func longNamesOfStatementsAreCut() throws {
    let name = [UInt8](repeating: 0x61, count: 100_000)
    #expect(PostgreSQLDecoder.key(name[...]).count <= 64)
    var decoder = PostgreSQLDecoder(isFromStart: false)
    try decoder.client(Self.postgresql("P", name + [0] + Array("SELECT 1\0".utf8) + [0, 0])[...], time: 1)
    try decoder.client(Self.postgresql("B", [0] + name + [0, 0, 0, 0, 0, 0, 0])[...], time: 1)
    try decoder.client(Self.postgresql("E", [0, 0, 0, 0, 0])[...], time: 1)
    try decoder.server(Self.postgresql("C", Array("SELECT 1\0".utf8))[...], time: 2)
    #expect(decoder.takeExchanges().map(\.statement.text) == ["SELECT ?"])
  }

  /// Segments that wait for a hole to be filled keep their own bytes and not the buffer that the socket reads into.
  @Test func whatWaitsKeepsNoPacketBuffer() throws {
    var stream = TCPStream()
    var buffer = [UInt8](repeating: 7, count: 1 << 16)
    func address() -> UInt { buffer.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) } }
    _ = stream.add(try Self.segment(0, buffer[..<10]))
    // From the last to the first, as packets that are overtaken come.
    for index in (1...100).reversed() {
      _ = stream.add(try Self.segment(UInt32(index) * 100, buffer[..<10]))
      let before = address()
      buffer[0] &+= 1
      #expect(address() == before, "segment \(index) keeps the buffer")
    }
  }

  /// Bytes that come one by one, every second one missing: a bounded number of them waits.
  @Test func segmentsThatWaitAreCounted() throws {
    var stream = TCPStream()
    var gaps = 0
    for index in 0..<5_000 as Range<UInt32> {
      for event in stream.add(try Self.segment(index * 2, [1])) {
        if case .gap = event { gaps += 1 }
      }
    }
    #expect(gaps >= 5_000 - 1 - TCPStream.mostSegments - 1)
  }
}
