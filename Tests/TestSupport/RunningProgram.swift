import Foundation

/// A program that a test started: killed and reaped when it goes out of use, whatever happens.
public final class RunningProgram: @unchecked Sendable {
  private let process = Process()
  private let lock = NSLock()
  private var text = ""
  private let pipe = Pipe()
  public var pid: Int32 { process.processIdentifier }

  /// Starts `path` and waits until it has printed a line that contains `ready`.
  public init(
    _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], ready: String? = "READY",
    timeout: TimeInterval = 60, mergeErrors: Bool = false
  ) throws {
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = mergeErrors ? pipe : FileHandle.nullDevice
    pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
      let data = handle.availableData
      if data.isEmpty {
        handle.readabilityHandler = nil
        return
      }
      guard let self else { return }
      self.lock.withLock { self.text += String(decoding: data, as: UTF8.self) }
    }
    try process.run()
    guard let ready else { return }
    let deadline = Date().addingTimeInterval(timeout)
    while !output.contains(ready) {
      guard process.isRunning, Date() < deadline else {
        let output = self.output
        stop()
        throw TestFailure("\(path) did not print \(ready) within \(timeout) s; it printed: \(output)")
      }
      usleep(5_000)
    }
  }

  /// All that it has printed so far.
  public var output: String { lock.withLock { text } }
  public var isRunning: Bool { process.isRunning }

  /// Kills and reaps it. Safe to call twice.
  public func stop() {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    pipe.fileHandleForReading.readabilityHandler = nil
  }

  deinit { stop() }
}

/// Runs a command to its end within a time limit.
public enum Command {
  public struct Result: Sendable {
    public var status: Int32
    public var output: String
    public var errors: String
  }

  /// - Parameter tool: a path, or a name that is looked up in `PATH`.
  public static func run(
    _ tool: String, _ arguments: [String], environment: [String: String] = [:], timeout: TimeInterval = 120
  ) throws -> Result {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: tool.hasPrefix("/") ? tool : "/usr/bin/env")
    process.arguments = tool.hasPrefix("/") ? arguments : [tool] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    // Files instead of pipes: a chatty child can never fill a pipe that nobody drains.
    let base = NSTemporaryDirectory() + "memwhy-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    defer {
      unlink(base + ".out")
      unlink(base + ".err")
    }
    guard FileManager.default.createFile(atPath: base + ".out", contents: nil),
      FileManager.default.createFile(atPath: base + ".err", contents: nil),
      let output = FileHandle(forWritingAtPath: base + ".out"), let errors = FileHandle(forWritingAtPath: base + ".err")
    else { throw TestFailure("cannot write \(base)") }
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let deadline = Date().addingTimeInterval(timeout)
    while process.isRunning {
      if Date() > deadline {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        throw TestFailure("\(tool) did not end within \(timeout) s")
      }
      usleep(2_000)
    }
    process.waitUntilExit()
    func text(_ path: String) -> String {
      String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
    let status =
      process.terminationReason == .uncaughtSignal ? 128 + process.terminationStatus : process.terminationStatus
    return Result(status: status, output: text(base + ".out"), errors: text(base + ".err"))
  }
}
