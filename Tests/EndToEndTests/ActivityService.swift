import Foundation
import TestSupport
import Timeline

/// The example service of the incident, as `scripts/demo` builds it, with a database of its own. Ended by its process id.
final class ActivityService {
  let port: UInt16
  let folder: String
  private let program: RunningProgram
  private var loads: [RunningProgram] = []
  var pid: Int32 { program.pid }
  var isRunning: Bool { program.isRunning }

  static func tool(_ name: String) -> String {
    TestProgram.packageRoot.appendingPathComponent("Examples/ActivityService/.build/release/\(name)").path
  }
  static var isBuilt: Bool {
    ["activity-service", "activity-load"].allSatisfy { FileManager.default.isExecutableFile(atPath: tool($0)) }
  }
  static let why: String = "Examples/ActivityService is not built for release; scripts/demo builds it"

  /// - Parameter group: the control group that it runs in.
  init(variant: String, group: TestGroup? = nil) throws {
    folder = try makeTemporaryFolder("activity")
    do {
      let database = folder + "/shop.sqlite"
      let seeding = try Command.run(Self.tool("activity-service"), ["seed", "--database", database])
      guard seeding.status == 0 else { throw TestFailure("seeding: \(seeding.errors)") }
      let arguments = ["serve", "--database", database, "--variant", variant, "--refresh", "5"]
      let (path, words) =
        group?.command(Self.tool("activity-service"), arguments) ?? (Self.tool("activity-service"), arguments)
      program = try RunningProgram(path, words, ready: "listening on ")
      let word = program.output.split(separator: "\n").first?.split(separator: ":").last ?? ""
      guard let port = UInt16(word) else { throw TestFailure("no port: \(program.output)") }
      self.port = port
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      throw error
    }
  }

  /// Starts traffic that is the same all the time, and does not wait for it.
  func load(seconds: Double, rate: Double, _ more: [String] = []) throws -> RunningProgram {
    let load = try RunningProgram(
      Self.tool("activity-load"),
      ["--port", "\(port)", "--seconds", "\(seconds)", "--peak", "\(rate)", "--flat", "--json"] + more, ready: nil)
    loads.append(load)
    return load
  }

  /// Its own count of entries in the cache; nil where it does not answer.
  var entries: UInt64? {
    guard let text = try? HTTPGet.body(host: "127.0.0.1", port: port, path: "/ledger") else { return nil }
    return text.split(separator: " ").first { $0.hasPrefix("entries=") }.flatMap { UInt64($0.dropFirst(8)) }
  }

  var metric: String { "hb_requests_total@http://127.0.0.1:\(port)/metrics" }

  func stop() {
    for load in loads { load.stop() }
    program.stop()
    try? FileManager.default.removeItem(atPath: folder)
  }
}
