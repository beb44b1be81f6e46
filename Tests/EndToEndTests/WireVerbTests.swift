import Foundation
import TestSupport
import Testing

@testable import Wire

/// `memwhy wire` as a command: captures, live packets of one process, a table that follows them, TLS, and what it says without rights.
/// What it reads out of the protocols is tested in WireTests.
@Suite(.serialized, .timeLimit(.minutes(10))) struct WireVerbTests {
  private static let maySeePackets = getuid() == 0
  private static let hasRedis = FileManager.default.isExecutableFile(atPath: "/usr/bin/redis-server")
  private static let hasOpenSSL = FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")
  private static let hasTerminal = FileManager.default.isExecutableFile(atPath: "/usr/bin/script")

  private func capture(_ name: String) -> String {
    TestProgram.packageRoot.appendingPathComponent("Tests/Fixtures/wire/\(name)").path
  }

  private func report(_ text: String) throws -> WireReport {
    let json = try #require(text.firstIndex(of: "{").map { text[$0...] }, "no JSON: \(text)")
    return try JSONDecoder().decode(WireReport.self, from: Data(json.utf8))
  }

  // MARK: - Captures

  @Test func aCaptureAsJSONAndAsTable() throws {
    let arguments = ["wire", "--port", "15432", "--pcap", capture("postgresql.pcap")]
    let report = try report(MemwhyBinary.run(arguments + ["--json"]).output)
    let list = try #require(report.statements.first)
    #expect(list.statement == "SELECT id, rule FROM chances WHERE id IN (?…)" && list.longestList == 3_181)
    let table = try MemwhyBinary.run(arguments + ["--limit", "1"])
    #expect(table.status == 0 && table.output.contains("3,181") && table.output.contains("more statements"), "\(table)")
    #expect(table.output.split(separator: "\n").count { $0.contains("SELECT") } == 1)
    let other = try MemwhyBinary.run(["wire", "--port", "1", "--pcap", capture("postgresql.pcap")])
    #expect(other.status == 0 && other.output.contains("no packet passed"), "\(other)")
    #expect(other.output.contains("most of it is of the ports 15432, "), "\(other)")
  }

  @Test func capturesThatAreNone() throws {
    let folder = TemporaryPath("captures")
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    let whole = try Data(contentsOf: URL(fileURLWithPath: capture("postgresql.pcap")))
    let half = folder.path + "/half.pcap"
    try whole.prefix(whole.count / 2 + 7).write(to: URL(fileURLWithPath: half))
    let cut = try MemwhyBinary.run(["wire", "--port", "15432", "--pcap", half])
    #expect(cut.status == 0 && cut.output.contains("ends in the middle of a packet"), "\(cut)")
    try Data().write(to: URL(fileURLWithPath: folder.path + "/empty"))
    for path in [folder.path + "/empty", folder.path + "/missing", capture("README.md"), "/dev/null"] {
      let result = try MemwhyBinary.run(["wire", "--port", "15432", "--pcap", path])
      #expect(result.status == 66 && result.errorLines.count == 1 && result.output.isEmpty, "\(path): \(result)")
    }
    for arguments in [["--port", "0"], [], ["--port", "1", "--pcap", half, "--pid", "1"], ["--port", "70000"]] {
      #expect(try MemwhyBinary.run(["wire"] + arguments).status == 64, "\(arguments)")
    }
  }

  // MARK: - Rights

  @Test(.enabled(if: maySeePackets, "needs root, to give a right up"))
  func withoutTheRightToSeePackets() throws {
    let result = try Command.run(
      "setpriv",
      [
        "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", MemwhyBinary.path(), "wire", "--port", "1", "--for",
        "1s",
      ]
    )
    #expect(result.status == 77 && result.output.isEmpty, "\(result)")
    #expect(result.errors.lowercased().contains("cap_net_raw") && result.errorLines.count == 1, "\(result.errors)")
    // A capture needs no right.
    let capture = try Command.run(
      "setpriv",
      [
        "--bounding-set", "-net_raw", "--inh-caps", "-net_raw", MemwhyBinary.path(), "wire", "--port", "15432",
        "--pcap",
        capture("postgresql.pcap"),
      ])
    #expect(capture.status == 0)
  }

  // MARK: - Live

  private func redis(_ body: (UInt16) throws -> Void) throws {
    let port = try LoopbackPort.free()
    let server = try RunningProgram(
      "/usr/bin/redis-server", ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", "/tmp"],
      ready: "Ready to accept connections")
    defer { server.stop() }
    try body(port)
  }

  /// Asks for one key twenty times a second over one connection, with the process id of its own.
  private func client(_ port: UInt16, key: String) throws -> RunningProgram {
    let script = """
      exec 3<>/dev/tcp/127.0.0.1/\(port); echo READY
      while :; do printf '*2\\r\\n$3\\r\\nGET\\r\\n$\(key.utf8.count)\\r\\n\(key)\\r\\n' >&3; \
      read -r -t 1 line <&3; sleep 0.05; done
      """
    return try RunningProgram("/bin/bash", ["-c", script])
  }

  private func listening(_ arguments: [String]) throws -> RunningProgram {
    try RunningProgram(MemwhyBinary.path(), ["wire"] + arguments, ready: "listening", mergeErrors: true)
  }

  @Test(.enabled(if: maySeePackets, "needs CAP_NET_RAW"), .enabled(if: hasRedis, "Redis is not installed"))
  func connectionsOfOneProcess() throws {
    try redis { port in
      let (one, other) = (try client(port, key: "cart:7:goods"), try client(port, key: "session:9"))
      defer {
        one.stop()
        other.stop()
      }
      let mine = try listening(["--port", "\(port)", "--pid", "\(one.pid)", "--for", "2s", "--json"])
      let all = try listening(["--port", "\(port)", "--for", "2s", "--json"])
      #expect(eventually(within: 20) { !mine.isRunning && !all.isRunning })
      let answer = try report(mine.output)
      #expect(answer.statements.map(\.statement) == ["GET cart:?:goods"] && answer.connections == 1, "\(answer)")
      #expect(answer.statements.first?.calls ?? 0 > 5)
      #expect(try Set(report(all.output).statements.map(\.statement)) == ["GET cart:?:goods", "GET session:?"])
      // Nobody there.
      let gone = try MemwhyBinary.run(["wire", "--port", "\(port)", "--pid", "\(Int32.max)", "--for", "1s"])
      #expect(gone.status == 66 && gone.errors.contains("no process"), "\(gone)")
    }
  }

  /// On a terminal the table is drawn anew each second, and Ctrl-C ends it with the result.
  @Test(
    .enabled(if: maySeePackets, "needs CAP_NET_RAW"), .enabled(if: hasRedis, "Redis is not installed"),
    .enabled(if: hasTerminal, "script of util-linux is not installed"))
  func theTableFollows() throws {
    try redis { port in
      let client = try client(port, key: "cart:7:goods")
      defer { client.stop() }
      let table = try RunningProgram(
        "/usr/bin/script", ["-qfc", "\(MemwhyBinary.path()) wire --port \(port) --for 4s", "/dev/null"],
        environment: ["TERM": "xterm"], ready: nil)
      defer { table.stop() }
      #expect(eventually(within: 20) { !table.isRunning })
      let drawn = table.output.components(separatedBy: "\u{1b}[H\u{1b}[2J").dropFirst()
      #expect(drawn.count >= 3, "\(table.output)")
      let calls = drawn.compactMap { text -> Int? in
        let row = text.split(whereSeparator: \.isNewline).first { $0.contains("GET cart:?:goods") }
        return row?.split(separator: " ").compactMap { Int($0) }.first
      }
      #expect(calls.count >= 2 && zip(calls, calls.dropFirst()).allSatisfy { $0 <= $1 }, "\(calls): \(table.output)")
      #expect((calls.last ?? 0) > (calls.first ?? 0))

      let endless = try listening(["--port", "\(port)", "--json"])
      usleep(600_000)
      kill(endless.pid, SIGINT)
      #expect(eventually(within: 10) { !endless.isRunning })
      #expect(try report(endless.output).statements.first?.statement == "GET cart:?:goods")
    }
  }

  /// What is no database's protocol is counted and shown as nothing.
  @Test(.enabled(if: maySeePackets, "needs CAP_NET_RAW"), .enabled(if: hasRedis, "Redis is not installed"))
  func foreignPackets() throws {
    try redis { port in
      let wire = try listening(["--port", "\(port)", "--for", "2s", "--json"])
      for _ in 0..<5 {
        _ = try Command.run(
          "bash", ["-c", "head -c 20000 /dev/urandom 2>/dev/null >/dev/tcp/127.0.0.1/\(port)"], timeout: 10)
      }
      #expect(eventually(within: 20) { !wire.isRunning })
      let answer = try report(wire.output)
      #expect(answer.packets > 10 && answer.encryptedConnections == 0, "\(answer)")
      #expect(!wire.output.unicodeScalars.contains { $0.value < 32 && $0 != "\n" && $0 != "\r" }, "\(wire.output)")
    }
  }

  @Test(.enabled(if: maySeePackets, "needs CAP_NET_RAW"), .enabled(if: hasOpenSSL, "openssl is not installed"))
  func encryptedConnections() throws {
    let folder = TemporaryPath("tls")
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    let (key, certificate) = (folder.path + "/key.pem", folder.path + "/certificate.pem")
    let made = try Command.run(
      "openssl",
      [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "1", "-subj",
        "/CN=localhost",
      ])
    try #require(made.status == 0, "\(made.errors)")
    let port = try LoopbackPort.free()
    let server = try RunningProgram(
      "/usr/bin/openssl", ["s_server", "-accept", "127.0.0.1:\(port)", "-key", key, "-cert", certificate, "-www"],
      ready: "ACCEPT")
    defer { server.stop() }
    let wire = try listening(["--port", "\(port)", "--for", "3s", "--json"])
    for _ in 0..<2 {
      // It ends with its input.
      let client = try Command.run("openssl", ["s_client", "-connect", "127.0.0.1:\(port)"], timeout: 20)
      #expect(client.output.contains("BEGIN CERTIFICATE"), "\(client)")
    }
    #expect(eventually(within: 20) { !wire.isRunning })
    let answer = try report(wire.output)
    #expect(answer.encryptedConnections == 2 && answer.statements.isEmpty, "\(answer)")
    #expect(answer.remarks.contains { $0.contains("2 of 2 connections are encrypted (TLS)") }, "\(answer.remarks)")
  }
}
