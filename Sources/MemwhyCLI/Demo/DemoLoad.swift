import Foundation
import Glibc

/// A day of traffic, and what was seen meanwhile.
struct DemoLoad {
  /// How the day is played; the same numbers give the same ids.
  struct Plan: Sendable, Hashable {
    var seconds: Double
    var peak: Double
    var isFlat = false
    var perConnection = 0

    func arguments(port: UInt16) -> [String] {
      ["--port", "\(port)", "--seconds", "\(seconds)", "--peak", "\(peak)", "--connections", "8", "--json"]
        + (isFlat ? ["--flat"] : []) + (perConnection > 0 ? ["--per-connection", "\(perConnection)"] : [])
    }
  }

  /// What `activity-load --json` writes.
  struct Result: Codable, Sendable, Hashable {
    var answered: Int
    var failed: Int
    var latencySeconds: [String: Double]
  }

  private let child: ChildProcesses.Child
  private let output: String

  static func start(
    _ children: ChildProcesses, _ checkout: Checkout, _ plan: Plan, port: UInt16
  ) throws(CLIError) -> DemoLoad {
    let output = children.folder + "/load.json"
    let child = try children.start(
      checkout.programs + "/activity-load", plan.arguments(port: port), output: output)
    return DemoLoad(child: child, output: output)
  }

  /// nil while it runs.
  func result(_ children: ChildProcesses) throws(CLIError) -> Result? {
    guard let status = children.status(child) else { return nil }
    let text = Files.text(output)
    guard status == 0, let result = try? JSONDecoder().decode(Result.self, from: Data(text.utf8)) else {
      throw .fault("the load ended with \(status): \(text)")
    }
    return result
  }
}
