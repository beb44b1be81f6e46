import Foundation
import TestSupport

/// A real server on a loopback port of its own, in a folder of its own, as an unprivileged user. Ended by its process id.
final class DatabaseServer {
  let port: UInt16
  let folder: String
  private let program: RunningProgram

  private init(port: UInt16, folder: String, program: RunningProgram) {
    self.port = port
    self.folder = folder
    self.program = program
  }

  func stop() {
    // Servers with helper processes end them on SIGTERM.
    kill(program.pid, SIGTERM)
    for _ in 0..<300 where program.isRunning { usleep(10_000) }
    program.stop()
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// The first of these that is there.
  static func tool(_ candidates: [String]) -> String? {
    candidates.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  static var postgresBinaries: String? {
    let root = "/usr/lib/postgresql"
    let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).sorted {
      (Int($0) ?? 0) > (Int($1) ?? 0)
    }
    return versions.map { "\(root)/\($0)/bin" }.first { tool([$0 + "/initdb"]) != nil }
  }
  static var mariadb: String? { tool(["/usr/sbin/mariadbd"]) }
  static var redis: String? { tool(["/usr/bin/redis-server"]) }
  /// Root may see packets; so may whoever was given the right, but a test cannot know.
  static var maySeePackets: Bool { getuid() == 0 }

  /// - Parameter tls: with a certificate of its own; clients that want to may encrypt.
  static func postgresql(tls: Bool = false) throws -> DatabaseServer {
    guard let binaries = postgresBinaries else { throw TestFailure("PostgreSQL is not installed") }
    return try start("postgresql", probe: [binaries + "/pg_isready", "-h", "127.0.0.1", "-p"]) { folder, port in
      try run([binaries + "/initdb", "-D", folder + "/data", "-A", "trust", "-U", "app"])
      if tls {
        try run([
          "/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder + "/data/server.key",
          "-out", folder + "/data/server.crt", "-days", "1", "-subj", "/CN=localhost",
        ])
      }
      return [
        binaries + "/postgres", "-D", folder + "/data", "-p", "\(port)", "-c", "listen_addresses=127.0.0.1", "-c",
        "unix_socket_directories=\(folder)", "-c", "fsync=off", "-c", "ssl=\(tls ? "on" : "off")",
      ]
    }
  }

  static func mariadbServer() throws -> DatabaseServer {
    try start(
      "mariadb", probe: ["/usr/bin/mariadb-admin", "--no-defaults", "-h", "127.0.0.1", "-u", "app", "-P"],
      last: ["ping"]
    ) {
      folder, port in
      try run([
        "/usr/bin/mariadb-install-db", "--no-defaults", "--datadir=\(folder)/data",
        "--auth-root-authentication-method=normal", "--skip-test-db",
      ])
      let setup = folder + "/setup.sql"
      try "CREATE DATABASE shop;\nCREATE USER app@'127.0.0.1';\nGRANT ALL ON *.* TO app@'127.0.0.1';\n"
        .write(toFile: setup, atomically: true, encoding: .utf8)
      return [
        mariadb ?? "mariadbd", "--no-defaults", "--datadir=\(folder)/data", "--port=\(port)",
        "--bind-address=127.0.0.1",
        "--socket=\(folder)/socket", "--init-file=\(setup)", "--innodb-flush-log-at-trx-commit=0",
      ]
    }
  }

  static func redisServer() throws -> DatabaseServer {
    try start("redis", probe: ["/usr/bin/redis-cli", "-h", "127.0.0.1", "-p"], last: ["ping"]) { folder, port in
      [redis ?? "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    }
  }

  /// - Parameters:
  ///   - probe: a command that succeeds once the server answers; the port is added, and `last` behind it.
  ///   - prepare: the server's command line.
  private static func start(
    _ name: String, probe: [String], last: [String] = [], _ prepare: (String, UInt16) throws -> [String]
  ) throws -> DatabaseServer {
    let folder = NSTemporaryDirectory() + "memwhy-\(name)-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    if getuid() == 0 { chown(folder, 65_534, 65_534) }
    do {
      let port = try LoopbackPort.free()
      let command = try asNobody(prepare(folder, port))
      let program = try RunningProgram(command[0], Array(command.dropFirst()), ready: nil, mergeErrors: true)
      let server = DatabaseServer(port: port, folder: folder, program: program)
      for _ in 0..<300 {
        guard program.isRunning else { throw TestFailure("\(name) did not start: \(program.output)") }
        if try Command.run(probe[0], Array(probe.dropFirst()) + ["\(port)"] + last, timeout: 10).status == 0 {
          return server
        }
        usleep(100_000)
      }
      server.stop()
      throw TestFailure("\(name) does not answer: \(program.output)")
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      throw error
    }
  }

  private static func asNobody(_ command: [String]) -> [String] {
    getuid() == 0
      ? ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + command : command
  }

  private static func run(_ command: [String]) throws {
    let command = asNobody(command)
    let result = try Command.run(command[0], Array(command.dropFirst()))
    guard result.status == 0 else { throw TestFailure("\(command) failed: \(result.errors)") }
  }
}
