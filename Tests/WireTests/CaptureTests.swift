import Foundation
import TestSupport
import Testing

@testable import Wire

/// Captures of traffic whose contents are known (Tests/Fixtures/wire).
@Suite struct CaptureTests {
  static func path(_ name: String) -> String {
    TestProgram.packageRoot.appendingPathComponent("Tests/Fixtures/wire/\(name)").path
  }

  static func report(_ name: String, port: UInt16) throws -> WireReport {
    var analysis = WireAnalysis(source: name, port: port)
    try analysis.read(path: path(name))
    return analysis.result
  }

  private func row(_ report: WireReport, _ statement: String) throws -> WireReport.Statement {
    try #require(
      report.statements.first { $0.statement == statement },
      "no '\(statement)' among \(report.statements.map(\.statement))")
  }

  @Test func statementsOfPostgreSQLAreCounted() throws {
    let report = try Self.report("postgresql.pcap", port: 15_432)
    let list = try row(report, "SELECT id, rule FROM chances WHERE id IN (?…)")
    #expect(list.kind == .postgresql && list.calls == 2 && list.rows == 3_184 && list.longestList == 3_181)
    #expect(list.largestAnswer > 60_000 && list.bytes > list.largestAnswer)
    // One simple query, 20 of a prepared statement and 5 that were parsed each time.
    let one = try row(report, "SELECT rule FROM chances WHERE id = ?")
    #expect(one.calls == 26 && one.rows == 26 && one.errors == 0)
    #expect(try row(report, "UPDATE chances SET rule = ? WHERE id < ?").rows == 10)
    #expect(try row(report, "INSERT INTO chances VALUES (?…)").longestList == 2)
    #expect(try row(report, "SELECT nothing FROM nowhere").errors == 1)
    #expect(report.resynchronisations == 0 && report.encryptedConnections == 0)
  }

  @Test func statementsOfMariaDBAreCounted() throws {
    let report = try Self.report("mariadb.pcapng", port: 13_306)
    let list = try row(report, "SELECT id, rule FROM chances WHERE id IN (?…)")
    #expect(list.kind == .mysql && list.calls == 2 && list.rows == 3_184 && list.longestList == 3_181)
    let none = try row(report, "SELECT rule FROM chances WHERE id = ?")
    #expect(none.calls == 2 && none.rows == 1)
    // Prepared, with rows in the binary format.
    let prepared = try row(report, "SELECT c FROM sbtest1 WHERE id=?")
    #expect(prepared.calls == 20 && prepared.rows == 20)
    #expect(try row(report, "UPDATE chances SET rule=? WHERE id < ?").rows == 10)
    #expect(try row(report, "INSERT INTO sbtest1(k, c, pad) VALUES(?…)").longestList == 100)
    #expect(try row(report, "SELECT nothing FROM nowhere").errors == 1)
    #expect(report.resynchronisations == 0)
  }

  @Test func commandsOfRedisAreCounted() throws {
    let report = try Self.report("redis.pcap", port: 16_379)
    let list = try row(report, "MGET user:?:cart …")
    #expect(list.kind == .redis && list.calls == 1 && list.rows == 300 && list.longestList == 300)
    #expect(try row(report, "SET user:?:cart").calls == 5)
    #expect(try row(report, "HGETALL h").rows == 2)
    #expect(try row(report, "INCR queue").errors == 1)
  }

  /// A capture that began in the middle of the connections finds its way in.
  @Test func startsInTheMiddle() throws {
    for (name, port, statement) in [
      ("postgresql.pcap", UInt16(15_432), "SELECT rule FROM chances WHERE id = ?"),
      ("redis.pcap", 16_379, "GET user:?:cart"),
    ] {
      var analysis = WireAnalysis(source: name, port: port)
      let file = try CaptureFile(path: Self.path(name))
      while let packet = try file.next() {
        // Nobody's first packets are seen.
        guard let ip = LinkLayer.ip(packet.bytes, type: packet.link), let segment = Segment(ip: ip), !segment.isSYN
        else {
          continue
        }
        analysis.add(ip: ip, time: packet.time)
      }
      #expect(analysis.result.statements.contains { $0.statement == statement && $0.calls > 3 }, "\(name)")
    }
  }

  /// Lost, doubled and exchanged packets: fewer statements, none that was not there, and no more than there were.
  @Test(arguments: [("postgresql.pcap", UInt16(15_432)), ("mariadb.pcapng", 13_306), ("redis.pcap", 16_379)])
  func packetsAreLost(name: String, port: UInt16) throws {
    let whole = try Self.report(name, port: port)
    let known = Dictionary(uniqueKeysWithValues: whole.statements.map { ($0.statement, $0) })
    var packets: [(bytes: [UInt8], time: UInt64)] = []
    let file = try CaptureFile(path: Self.path(name))
    while let packet = try file.next() {
      if let ip = LinkLayer.ip(packet.bytes, type: packet.link) { packets.append((Array(ip), packet.time)) }
    }
    var generator = SeededGenerator(seed: 7)
    for round in 0..<40 {
      var analysis = WireAnalysis(source: name, port: port)
      let order = round % 2 == 0 ? packets : swapped(packets, &generator)
      for packet in order {
        let chance = Int.random(in: 0..<100, using: &generator)
        if round >= 2, chance < 5 { continue }
        analysis.add(ip: packet.bytes[...], time: packet.time)
        if chance > 95 { analysis.add(ip: packet.bytes[...], time: packet.time) }
      }
      let report = analysis.result
      if round < 2 {
        let names = report.statements.map(\.statement)
        #expect(names == whole.statements.map(\.statement), "doubled or exchanged packets change the answer")
      }
      for statement in report.statements where !statement.statement.hasPrefix("EXECUTE (prepared") {
        let calls = known[statement.statement]?.calls
        #expect(
          calls != nil && statement.calls <= calls ?? 0, "\(statement.statement) \(statement.calls) of \(calls ?? 0)")
      }
    }
  }

  /// Neighbours change places now and then, as on a real network.
  private func swapped(
    _ packets: [(bytes: [UInt8], time: UInt64)], _ generator: inout SeededGenerator
  ) -> [(bytes: [UInt8], time: UInt64)] {
    var result = packets
    var index = 0
    while index + 1 < result.count {
      if let one = Segment(ip: result[index].bytes[...]), let other = Segment(ip: result[index + 1].bytes[...]),
        one.source == other.source, !one.isSYN, Bool.random(using: &generator)
      {
        result.swapAt(index, index + 1)
        index += 1
      }
      index += 1
    }
    return result
  }

  @Test func whatIsNoCaptureIsRefused() throws {
    #expect(throws: WireError.self) { try Self.report("no such file", port: 1) }
    #expect(throws: WireError.notACapture(path: Self.path("README.md"))) { try Self.report("README.md", port: 1) }
  }
}
