import Foundation
import TestSupport
import Testing

/// The example `leaky-service`, listening on a port of its own.
struct LeakyService {
  /// Where it is built, or nil.
  static let build: String? = {
    let example = TestProgram.packageRoot.appendingPathComponent("Examples/leaky-service/.build")
    return ["release", "debug"].map { example.appendingPathComponent($0).path }
      .first { FileManager.default.isExecutableFile(atPath: $0 + "/leaky-service") }
  }()
  static let isBuilt = ConditionTrait.enabled(
    if: build != nil, "Examples/leaky-service is not built; scripts/test builds it")

  private let build: String
  private let program: RunningProgram
  private let port: String
  var pid: Int32 { program.pid }

  init(_ arguments: [String]) throws {
    build = try #require(Self.build)
    program = try RunningProgram(
      build + "/leaky-service", arguments, ready: "listening on 127.0.0.1:", timeout: 30)
    let word = program.output.split(whereSeparator: { $0 == ":" || $0 == "\n" }).last { Int($0) != nil }
    port = String(try #require(word, "no port in \(program.output)"))
  }

  func stop() { program.stop() }

  /// Starts `load` against it: requests, seconds, connections, requests a second.
  func startLoad(_ arguments: String...) throws -> RunningProgram {
    try RunningProgram(build + "/load", [port] + arguments, ready: nil)
  }

  /// Runs `load` to its end.
  func load(_ arguments: String...) throws -> Command.Result {
    try Command.run(build + "/load", [port] + arguments)
  }

  /// A number of the service's own count.
  func ledger(_ name: String) throws -> Int {
    let text = try load("ledger").output
    let word = text.split(whereSeparator: \.isWhitespace).first { $0.hasPrefix(name + "=") }
    return try #require(word.flatMap { Int($0.dropFirst(name.count + 1)) }, "no \(name) in \(text)")
  }
}
