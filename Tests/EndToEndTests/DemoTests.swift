import Foundation
import TestSupport
import Testing

/// The demo leaves nothing behind, whenever it is interrupted. What it answers is checked by `scripts/demo` itself.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct DemoTests {
  private static let isBuilt = FileManager.default.isExecutableFile(
    atPath: TestProgram.packageRoot.appendingPathComponent("Examples/ActivityService/.build/release/activity-service")
      .path)

  @Test func withoutAClone() throws {
    let result = try MemwhyBinary.run(["demo", "--source", "/nonexistent"])
    #expect(result.status == 66 && result.errors.contains("--source"), "\(result)")
    #expect(try MemwhyBinary.run(["demo", "--seconds", "1"]).status == 64)
    #expect(try MemwhyBinary.run(["demo", "--fault", "nothing"]).status == 64)
  }

  /// Where the demo is when Ctrl-C comes: what it has printed by then, and seconds more.
  @Test(
    .enabled(if: isBuilt, "Examples/ActivityService is not built for release; scripts/demo builds it"),
    arguments: [
      ("", 0.0), ("seeded", 0.0), ("one day of traffic", 0.2), ("one day of traffic", 3), ("memwhy diagnose", 0.5),
    ])
  func interrupted(at text: String, after seconds: Double) throws {
    let folder = NSTemporaryDirectory() + "memwhy-demo-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let demo = try RunningProgram(
      MemwhyBinary.path(),
      ["demo", "--no-build", "--seconds", "20", "--peak", "100", "--source", TestProgram.packageRoot.path],
      environment: ["TMPDIR": folder], ready: text.isEmpty ? nil : text, timeout: 60)
    defer { demo.stop() }
    usleep(UInt32(seconds * 1e6) + 30_000)
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
