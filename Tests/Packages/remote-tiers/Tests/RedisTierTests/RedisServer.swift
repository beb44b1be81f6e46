import Foundation

/// A redis-server of the test's own: on a free port of the loopback, with a directory of its own, ended with the object.
final class RedisServer: @unchecked Sendable {
  static let program = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/usr/bin/valkey-server"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
  static var isInstalled: Bool { program != nil }

  private(set) var port: Int
  let directory: String
  private let options: [String]
  private var process: Process?

  struct CannotStart: Error {}

  init(_ options: [String] = []) async throws {
    self.options = options
    port = 0
    directory = FileManager.default.temporaryDirectory.appending(path: "redis-tier-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    // A port that is free now may be another's in the next moment.
    for _ in 0..<5 {
      port = try Loopback.freePort()
      do {
        try await start()
        return
      } catch is CannotStart { stop() }
    }
    throw CannotStart()
  }

  deinit {
    if let process, process.isRunning {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
    try? FileManager.default.removeItem(atPath: directory)
  }

  var socketPath: String { directory + "/socket" }

  func start() async throws {
    guard let program = Self.program else { throw CannotStart() }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments =
      [
        "--port", "\(port)", "--bind", "127.0.0.1", "--dir", directory, "--save", "", "--appendonly", "no",
        "--unixsocket", socketPath, "--daemonize", "no",
      ] + options
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try? FileManager.default.removeItem(atPath: socketPath)
    try process.runByItself()
    self.process = process
    for _ in 0..<500 {
      // Until it listens, whoever answers at the port is somebody else, or the very socket that asks, connected to itself. The port comes before
      // the file.
      if FileManager.default.fileExists(atPath: socketPath), let client = try? RawClient(port: port),
        !client.ask("PING").isEmpty
      {
        return
      }
      guard process.isRunning else { break }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw CannotStart()
  }

  func signal(_ number: Int32) {
    guard let process, process.isRunning else { return }
    kill(process.processIdentifier, number)
  }

  func stop() {
    signal(SIGKILL)
    process?.waitUntilExit()
    process = nil
  }

  /// A command of somebody else, as the answer's first line. Bounded words only.
  @discardableResult
  func ask(_ command: String) throws -> String { try RawClient(port: port).ask(command) }
}

/// A client that knows no more than inline commands.
final class RawClient {
  private let descriptor: Int32

  init(port: Int) throws { descriptor = try Loopback.connect(port) }

  deinit { close(descriptor) }

  func ask(_ command: String) -> String {
    let line = Array((command + "\r\n").utf8)
    guard send(descriptor, line, line.count, Int32(MSG_NOSIGNAL)) == line.count else { return "" }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
