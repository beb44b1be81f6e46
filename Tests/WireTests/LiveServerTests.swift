import Foundation
import TestSupport
import Testing

@testable import Wire

/// Packets of real servers, as they pass.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct LiveServerTests {
  private static let ids = (1...3_181).map(String.init).joined(separator: ",")

  /// Listens on loopback while `body` runs.
  private func listen(_ port: UInt16, _ body: () throws -> Void) throws -> WireReport {
    let socket = try PacketSocket(interface: "lo", port: port)
    var analysis = WireAnalysis(source: "lo", port: port)
    try body()
    // What was sent is in the socket's buffer by now.
    var quiet = 0
    while quiet < 5 {
      if let packet = try socket.receive(milliseconds: 20) {
        analysis.add(ip: packet.bytes, time: packet.time)
        quiet = 0
      } else {
        quiet += 1
      }
    }
    socket.countMissed()
    #expect(socket.missed == 0)
    return analysis.result
  }

  private func run(_ command: [String]) throws {
    let result = try Command.run(command[0], Array(command.dropFirst()), timeout: 60)
    #expect(result.status == 0, "\(command.map { $0.prefix(60) }): \(result.errors.prefix(300))")
  }

  private func expectList(_ report: WireReport, _ kind: WireProtocol) {
    let list = report.statements.first { $0.statement == "SELECT id, rule FROM chances WHERE id IN (?…)" }
    #expect(list?.kind == kind && list?.calls == 2 && list?.rows == 3_184 && list?.longestList == 3_181, "\(report)")
    let one = report.statements.first { $0.statement == "SELECT rule FROM chances WHERE id = ?" }
    #expect(one?.calls == 1 && one?.rows == 1, "\(report)")
    #expect(report.resynchronisations == 0)
  }

  @Test(
    .enabled(if: DatabaseServer.postgresBinaries != nil, "PostgreSQL is not installed"),
    .enabled(if: DatabaseServer.maySeePackets, "needs CAP_NET_RAW"))
  func statementsOfALivePostgreSQLAreSeen() throws {
    let server = try DatabaseServer.postgresql()
    defer { server.stop() }
    let psql = ["/usr/bin/psql", "-h", "127.0.0.1", "-p", "\(server.port)", "-U", "app", "-d", "postgres", "-q"]
    let report = try listen(server.port) {
      try run(psql + ["-c", "CREATE TABLE chances (id int PRIMARY KEY, rule text)"])
      try run(psql + ["-c", "INSERT INTO chances SELECT g, 'rule ' || g FROM generate_series(1, 4800) g"])
      try run(psql + ["-c", "SELECT id, rule FROM chances WHERE id IN (\(Self.ids))"])
      try run(psql + ["-c", "SELECT id, rule FROM chances WHERE id IN (1, 2, 3)"])
      try run(psql + ["-c", "SELECT rule FROM chances WHERE id = 7"])
    }
    expectList(report, .postgresql)
  }

  /// The client asks for encryption, the server agrees: seen from the first bytes, and said.
  @Test(
    .enabled(if: DatabaseServer.postgresBinaries != nil, "PostgreSQL is not installed"),
    .enabled(if: DatabaseServer.tool(["/usr/bin/openssl"]) != nil, "openssl is not installed"),
    .enabled(if: DatabaseServer.maySeePackets, "needs CAP_NET_RAW"))
  func postgresqlWithTLS() throws {
    let server = try DatabaseServer.postgresql(tls: true)
    defer { server.stop() }
    func query(_ mode: String) throws {
      try run([
        "/usr/bin/psql", "host=127.0.0.1 port=\(server.port) user=app dbname=postgres sslmode=\(mode)", "-qc",
        "SELECT 1",
      ])
    }
    let report = try listen(server.port) {
      try query("require")
      try query("disable")
    }
    #expect(report.connections == 2 && report.encryptedConnections == 1, "\(report)")
    #expect(report.statements.map(\.statement) == ["SELECT ?"] && report.statements.first?.calls == 1, "\(report)")
    #expect(report.remarks.contains { $0.contains("1 of 2 connections are encrypted") }, "\(report.remarks)")
  }

  @Test(
    .enabled(if: DatabaseServer.mariadb != nil, "MariaDB is not installed"),
    .enabled(if: DatabaseServer.maySeePackets, "needs CAP_NET_RAW"))
  func statementsOfALiveMariaDBAreSeen() throws {
    let server = try DatabaseServer.mariadbServer()
    defer { server.stop() }
    let client = [
      "/usr/bin/mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", "\(server.port)", "-u", "app", "shop", "-e",
    ]
    let report = try listen(server.port) {
      try run(
        client + [
          """
          CREATE TABLE chances (id int PRIMARY KEY, rule text);
          INSERT INTO chances SELECT seq, CONCAT('rule ', seq) FROM seq_1_to_4800;
          SELECT id, rule FROM chances WHERE id IN (\(Self.ids));
          SELECT id, rule FROM chances WHERE id IN (1, 2, 3);
          SELECT rule FROM chances WHERE id = 7
          """
        ])
    }
    expectList(report, .mysql)
  }

  @Test(
    .enabled(if: DatabaseServer.redis != nil, "Redis is not installed"),
    .enabled(if: DatabaseServer.maySeePackets, "needs CAP_NET_RAW"))
  func commandsOfALiveRedisAreSeen() throws {
    let server = try DatabaseServer.redisServer()
    defer { server.stop() }
    let client = ["/usr/bin/redis-cli", "-h", "127.0.0.1", "-p", "\(server.port)"]
    let report = try listen(server.port) {
      for id in 1...5 { try run(client + ["SET", "user:\(id):cart", "some goods"]) }
      try run(client + ["MGET"] + (1...300).map { "user:\($0):cart" })
    }
    let list = report.statements.first { $0.statement == "MGET user:?:cart …" }
    #expect(list?.calls == 1 && list?.rows == 300 && list?.longestList == 300, "\(report)")
    #expect(report.statements.first { $0.statement == "SET user:?:cart" }?.calls == 5)
  }

  @Test(.enabled(if: DatabaseServer.maySeePackets, "needs CAP_NET_RAW"))
  func anUnknownInterfaceIsNamed() {
    #expect(throws: WireError.noInterface("nosuch0")) { try PacketSocket(interface: "nosuch0", port: 1) }
  }
}
