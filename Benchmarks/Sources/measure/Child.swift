import Foundation

/// A sentence that ends the measurement.
struct Failure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// A command that ran to its end.
struct Finished {
  var status: Int32
  var output: String
  var errors: String
  var seconds: Double
  /// Peak resident memory in bytes.
  var peakBytes: Int
}

/// Starts programs so that their peak memory can be asked for: Foundation's `Process` reaps them without telling.
final class Child {
  let pid: pid_t
  private let start = DispatchTime.now().uptimeNanoseconds
  private let outputPath: String
  private let errorPath: String
  private var input: Int32 = -1
  private var isReaped = false

  /// - Parameter environment: added to this process's own.
  init(_ arguments: [String], environment: [String: String] = [:]) throws {
    let base = NSTemporaryDirectory() + "memwhy-measure-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    outputPath = base + ".out"
    errorPath = base + ".err"
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Failure("no pipe") }
    // Only a copy of the read end goes to the child, so that closing ours ends its input.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var variables = ProcessInfo.processInfo.environment
    variables.merge(environment) { $1 }
    var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    var envp: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var pid: pid_t = 0
    let error = posix_spawnp(&pid, arguments[0], &actions, nil, &argv, &envp)
    close(ends[0])
    guard error == 0 else {
      close(ends[1])
      throw Failure("cannot start \(arguments[0]): \(String(cString: strerror(error)))")
    }
    self.pid = pid
    input = ends[1]
  }

  var output: String { String(decoding: FileManager.default.contents(atPath: outputPath) ?? Data(), as: UTF8.self) }
  var errors: String { String(decoding: FileManager.default.contents(atPath: errorPath) ?? Data(), as: UTF8.self) }

  /// Waits for a text in the output.
  func wait(for text: String, seconds: Double = 300) throws {
    let deadline = Date().addingTimeInterval(seconds)
    while !output.contains(text) {
      guard Date() < deadline, kill(pid, 0) == 0 else {
        throw Failure("no \(text) from process \(pid): \(output)\(errors)")
      }
      usleep(20_000)
    }
  }

  /// Sends one line and waits for the next line of output.
  func ask(_ line: String) throws -> String {
    let before = output.split(separator: "\n").count
    _ = (line + "\n").withCString { write(input, $0, strlen($0)) }
    let deadline = Date().addingTimeInterval(60)
    while Date() < deadline {
      let lines = output.split(separator: "\n")
      if lines.count > before, let last = lines.last { return String(last) }
      usleep(2_000)
    }
    throw Failure("no answer from process \(pid)")
  }

  /// Waits for the end, at most `limit` seconds; kills it then.
  func finish(limit: Double = 600) throws -> Finished {
    var status: Int32 = 0
    var usage = rusage()
    let deadline = Date().addingTimeInterval(limit)
    while true {
      let result = wait4(pid, &status, WNOHANG, &usage)
      if result == pid { break }
      guard result == 0, Date() < deadline else {
        stop()
        throw Failure("process \(pid) did not end within \(limit) s")
      }
      usleep(1_000)
    }
    isReaped = true
    let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
    let code = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    return Finished(
      status: code, output: output, errors: errors, seconds: seconds, peakBytes: Int(usage.ru_maxrss) * 1024)
  }

  func stop() {
    guard !isReaped else { return }
    kill(pid, SIGKILL)
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    isReaped = true
  }

  deinit {
    stop()
    if input >= 0 { close(input) }
    unlink(outputPath)
    unlink(errorPath)
  }

  static func run(_ arguments: [String], environment: [String: String] = [:], limit: Double = 600) throws -> Finished {
    let child = try Child(arguments, environment: environment)
    close(child.input)
    child.input = -1
    return try child.finish(limit: limit)
  }

  static func exists(_ tool: String) -> Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)")
    }
  }
}
