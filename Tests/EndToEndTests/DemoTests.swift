import Foundation
import TestSupport
import Testing

/// The demo leaves nothing behind, whenever it is interrupted. What it answers is checked by `scripts/demo` itself.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct DemoTests {
  @Test func withoutAClone() throws {
    let result = try MemwhyBinary.run(["demo", "--source", "/nonexistent"])
    #expect(result.status == 66 && result.errors.contains("--source"), "\(result)")
    #expect(try MemwhyBinary.run(["demo", "--seconds", "1"]).status == 64)
    #expect(try MemwhyBinary.run(["demo", "--fault", "nothing"]).status == 64)
  }

  /// Where the demo is when Ctrl-C comes: what it has printed by then, and seconds more.
  @Test(
    .enabled(if: ActivityService.isBuilt, "\(ActivityService.why)"),
    arguments: [
      ("", 0.0), ("seeded", 0.0), ("one day of traffic", 0.2), ("one day of traffic", 1.5), ("memwhy diagnose", 0.5),
      ("memwhy diagnose", 4), ("references to shared values", 0.2), ("no cache at all", 3.5),
    ])
  func interrupted(at text: String, after seconds: Double) throws {
    try interrupt(["--no-build", "--seconds", "10", "--peak", "100"], ready: text, after: seconds)
  }

  /// A build has compilers below it: a stand-in for `swift` that starts a helper and waits for it.
  @Test func interruptedWhileItBuilds() throws {
    let tools = TemporaryPath("tools")
    try FileManager.default.createDirectory(atPath: tools.path, withIntermediateDirectories: true)
    let (script, swift) = (tools.path + "/script", tools.path + "/swift")
    try "#!/bin/sh\nsleep 300 &\nwait\n".write(toFile: script, atomically: true, encoding: .utf8)
    try copyProgram(script, to: swift)
    chmod(swift, 0o755)
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    try interrupt([], ready: "building", after: 0.5, environment: ["PATH": tools.path + ":" + path], processes: 2)
  }

  /// - Parameter processes: how many it has started by then, at least.
  private func interrupt(
    _ arguments: [String], ready text: String, after seconds: Double, environment: [String: String] = [:],
    processes: Int = 0
  ) throws {
    let folder = try makeTemporaryFolder("demo-test")
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let demo = try RunningProgram(
      MemwhyBinary.path(), ["demo", "--source", TestProgram.packageRoot.path] + arguments,
      environment: environment.merging(["TMPDIR": folder]) { $1 }, ready: text.isEmpty ? nil : text, timeout: 90)
    defer { demo.stop() }
    usleep(UInt32(seconds * 1e6) + 30_000)
    #expect(demo.isRunning, "it has ended by itself: \(demo.output)")
    #expect(Self.processes(withTemporaryFolder: folder).count > processes)
    kill(demo.pid, SIGINT)
    for _ in 0..<1_500 where demo.isRunning { usleep(10_000) }
    #expect(!demo.isRunning, "it goes on after Ctrl-C: \(demo.output)")
    let left = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(left.isEmpty, "left behind: \(left)")
    #expect(Self.processes(withTemporaryFolder: folder).isEmpty)
  }

  /// Processes that were started with this `TMPDIR`.
  private static func processes(withTemporaryFolder folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.filter { name in
      guard Int(name) != nil, let environment = FileManager.default.contents(atPath: "/proc/\(name)/environ") else {
        return false
      }
      return String(decoding: environment, as: UTF8.self).contains("TMPDIR=\(folder)")
    }
  }
}
