import Foundation
import TestSupport
import Testing

/// The built command as a user runs it: streams, exit codes, one line an error.
struct BinaryTests {
  /// Beside the test bundle in the build folder.
  static let memwhy: String = {
    let candidates = ["debug", "release"].map {
      TestProgram.packageRoot.appendingPathComponent(".build/\($0)/memwhy").path
    }
    let own = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent(
      "memwhy"
    ).path
    return ([own] + candidates).first { FileManager.default.isExecutableFile(atPath: $0) } ?? own
  }()

  private func run(_ arguments: String..., environment: [String: String] = [:]) throws -> Command.Result {
    try Command.run(Self.memwhy, arguments, environment: environment, timeout: 60)
  }

  @Test func errorsAreOneLineOnStderr() throws {
    for (arguments, status) in [
      (["--nope", "1"], 64), (["leaks"], 64), (["4711", "--freeze", "hard"], 64), (["999999999"], 66), (["2"], 66),
      (["leak", "4711"], 64), (["nonsense"], 64), (["--suppressions", "/nonexistent/file", "1"], 66),
      (["doctor", "999999999"], 66),
    ] as [([String], Int32)] {
      let result = try Command.run(Self.memwhy, arguments, timeout: 60)
      #expect(result.status == status, "\(arguments): \(result.errors)")
      #expect(result.output.isEmpty)
      #expect(result.errors.hasPrefix("memwhy: "), "\(arguments): \(result.errors)")
      #expect(result.errors.hasSuffix("\n"))
      #expect(result.errors.filter { $0 == "\n" }.count == 1, "\(result.errors)")
    }
  }

  @Test func helpAndVersionGoToStdout() throws {
    for arguments in [["--help"], ["help", "leaks"], ["doctor", "--help"], ["--version"]] {
      let result = try Command.run(Self.memwhy, arguments, timeout: 60)
      #expect(result.status == 0)
      #expect(!result.output.isEmpty && result.errors.isEmpty)
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func writesCompletions(shell: String) throws {
    let result = try run("--generate-completion-script", shell)
    #expect(result.status == 0)
    #expect(result.output.contains("suppressions"))
  }

  @Test func aBadSuppressionsFileIsRefusedBeforeTheProcessIsTouched() throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("memwhy-\(UUID().uuidString)")
    try "leak:Session\n".write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let result = try run("--suppressions", file.path, "999999999")
    #expect(result.status == 64)
    #expect(result.errors.contains(":1: 'leak:Session'"))
  }

  @Test func doctorAnswersInJSON() throws {
    let result = try run("doctor", "--json")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(object["schemaVersion"] as? Int == 1)
    #expect(!(object["checks"] as? [Any] ?? []).isEmpty)
  }

  @Test func aClosedPipeIsNoCrash() throws {
    let result = try Command.run("/bin/sh", ["-c", "\(Self.memwhy) --help | head -1"], timeout: 60)
    #expect(result.status == 0)
    #expect(result.output == "OVERVIEW: Why does this Swift process hold so much memory?\n")
    #expect(result.errors.isEmpty)
  }
}
