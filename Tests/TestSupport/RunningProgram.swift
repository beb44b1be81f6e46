import Foundation

/// A program that a test started: killed and reaped when it goes out of use, whatever happens.
public final class RunningProgram: @unchecked Sendable {
  private let process: ChildProgram
  private let lock = NSLock()
  private var text = ""
  private let pipe = Pipe()
  public var pid: Int32 { process.pid }

  /// Starts `path` and waits until it has printed a line that contains `ready`.
  public init(
    _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], ready: String? = "READY",
    timeout: TimeInterval = 60, mergeErrors: Bool = false
  ) throws {
    let end = pipe.fileHandleForWriting.fileDescriptor
    process = try ChildProgram(
      path, arguments, environment: environment, output: end, errors: mergeErrors ? end : nil)
    try pipe.fileHandleForWriting.close()
    pipe.fileHandleForReading.readabilityHandler = { [weak self] handle in
      let data = handle.availableData
      if data.isEmpty {
        handle.readabilityHandler = nil
        return
      }
      guard let self else { return }
      self.lock.withLock { self.text += String(decoding: data, as: UTF8.self) }
    }
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
    process.stop()
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
    let isPath = tool.hasPrefix("/")
    let process = try ChildProgram(
      isPath ? tool : "/usr/bin/env", isPath ? arguments : [tool] + arguments, environment: environment,
      output: output.fileDescriptor, errors: errors.fileDescriptor)
    let deadline = Date().addingTimeInterval(timeout)
    while process.isRunning {
      if Date() > deadline {
        process.stop()
        throw TestFailure("\(tool) did not end within \(timeout) s")
      }
      usleep(2_000)
    }
    func text(_ path: String) -> String {
      String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
    return Result(status: process.waitUntilEnd().status, output: text(base + ".out"), errors: text(base + ".err"))
  }
}
