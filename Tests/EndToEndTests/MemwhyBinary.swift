import Foundation
import TestSupport

/// The built `memwhy`, beside the test bundle.
enum MemwhyBinary {
  static func path() throws -> String {
    let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let path = URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent("memwhy").path
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw TestFailure("\(path) is not built; run `swift build` first")
    }
    return path
  }

  static func run(_ arguments: [String], timeout: TimeInterval = 120) throws -> Command.Result {
    // In an empty folder, so that no suppressions file of this repository is picked up.
    try Command.run(path(), arguments, environment: ["NO_COLOR": "1"], timeout: timeout)
  }
}

extension Command.Result {
  /// What is printed on stderr, without the announcement of the pause.
  var errorLines: [String] {
    errors.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("memwhy: about to pause process") }
  }
}

/// A name in the temporary folder that is removed at the end, with what SQLite puts beside a database.
final class TemporaryPath: Sendable {
  let path: String

  init(_ name: String) {
    path = NSTemporaryDirectory() + "memwhy-\(name)-\(getpid())-\(UInt32.random(in: 0 ... .max))"
  }

  deinit { for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + ending) } }
}

/// Says aloud why a test did nothing.
func skip(_ reason: String, _ test: String = #function) {
  print("SKIPPED \(test): \(reason)")
}
