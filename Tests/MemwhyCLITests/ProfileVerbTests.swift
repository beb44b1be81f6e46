import Foundation
import TestSupport
import Testing

/// The verbs over profiles as a user runs them: streams, exit codes, files, options in pprof's spelling.
struct ProfileVerbTests {
  private static let folder = TestProgram.packageRoot.appendingPathComponent("Tests/Fixtures/profiles").path
  private var heap: String { "\(Self.folder)/heap2.pb.gz" }
  private var earlier: String { "\(Self.folder)/heap1.pb.gz" }

  private func run(_ arguments: String...) throws -> Command.Result {
    try Command.run(BinaryTests.memwhy, arguments, environment: ["TZ": "UTC"], timeout: 60)
  }

  /// The goldens are pprof's own output.
  private func golden(_ name: String) throws -> String {
    try String(contentsOf: Golden.folder.appendingPathComponent("pprof/\(name).txt"), encoding: .utf8)
  }

  @Test func printsWhatPprofPrints() throws {
    let top = try run("top", heap)
    #expect(top.status == 0 && top.errors.isEmpty)
    #expect(try top.output == golden("top heap2.pb.gz"))
    let rows = try run("top", "--cum", "--nodecount", "7", "--lines", heap)
    #expect(try rows.output == golden("top heap2.pb.gz cum nodecount=7 lines"))
    let difference = try run("top", "--diff_base=\(earlier)", heap)
    #expect(try difference.output == golden("top heap2.pb.gz diff_base=heap1.pb.gz"))
    let peek = try run("peek", "main.build", "--alloc-space", heap)
    #expect(try peek.output == golden("peek_main.build heap2.pb.gz sample_index=alloc_space"))
    let tree = try run("tree", "--nodecount=8", heap)
    #expect(try tree.output == golden("tree heap2.pb.gz nodecount=8"))
    let raw = try run("raw", "--focus", "strings", earlier)
    #expect(try raw.output == golden("raw heap1.pb.gz focus=strings"))
    let list = try run(
      "list", "main\\.(build|work)", "--alloc_space", "--trim_path=/tmp/goallocs", "--source_path",
      "\(TestProgram.packageRoot.path)/Tests/Programs/goallocs", heap)
    #expect(list.output.contains("ROUTINE ======================== main.build in main.go"), "\(list.errors)")
    let traces = try run("traces", "--tagfocus", "colour=red", "\(Self.folder)/cpu.pb.gz")
    #expect(traces.status == 0 && traces.output.contains("colour:  red") && !traces.output.contains("colour:  green"))
  }

  @Test func writesJSON() throws {
    for arguments in [
      ["top", heap], ["tree", heap], ["peek", "main", heap], ["traces", heap], ["list", "main", heap],
    ] {
      let result = try Command.run(BinaryTests.memwhy, arguments + ["--json"], timeout: 60)
      #expect(result.status == 0, "\(result.errors)")
      let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
      #expect(object["verb"] as? String == arguments[0] && object["schemaVersion"] as? Int == 1)
      #expect(object["unit"] as? String == "bytes" && (object["total"] as? Int ?? 0) > 0)
      // The remarks are an array too, and an empty one.
      #expect(object.values.contains { ($0 as? [[String: Any]])?.isEmpty == false })
    }
  }

  @Test func errorsAreOneLine() throws {
    for (arguments, status) in [
      (["top"], 64), (["top", "/nonexistent"], 66), (["top", "/etc/passwd"], 66), (["top", "/dev/null"], 66),
      (["top", "--focus", "(", heap], 64), (["top", "--sample-index", "nope", heap], 64),
      (["top", "--base", heap, "--diff-base", heap, heap], 64), (["top", "--nodefraction", "2", heap], 64),
      (["top", "--max-size", "1KiB", heap], 66), (["top", "--base", "\(Self.folder)/cpu.pb.gz", heap], 64),
      (["peek", "nosuchfunction", heap], 66), (["export", "profile", heap, "-o", "x.nope"], 64),
      (["flame", heap, "-o", "/nonexistent/x.html"], 66), (["top", "--divide-by", "0", heap], 64),
    ] as [([String], Int32)] {
      let result = try Command.run(BinaryTests.memwhy, arguments, timeout: 60)
      #expect(result.status == status, "\(arguments): \(result.errors)")
      #expect(result.output.isEmpty && result.errors.hasPrefix("memwhy: "), "\(arguments): \(result.errors)")
      #expect(result.errors.filter { $0 == "\n" }.count == 1, "\(arguments): \(result.errors)")
    }
  }

  @Test func writesFiles() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("memwhy-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let page = folder.appendingPathComponent("flame.html").path
    let flame = try run("flame", "--base", earlier, "-o", page, "--title", "growth", heap)
    #expect(flame.status == 0 && flame.output.isEmpty && flame.errors == "memwhy: wrote \(page)\n")
    let text = try String(contentsOfFile: page, encoding: .utf8)
    #expect(text.contains("<title>growth</title>") && text.contains(#""isDifference":true"#))
    for name in ["a.collapsed", "a.speedscope.json", "a.pb.gz", "a.pb"] {
      let path = folder.appendingPathComponent(name).path
      let result = try run("export", "profile", "-q", "-o", path, heap)
      #expect(result.status == 0 && result.errors.isEmpty)
      #expect((FileManager.default.contents(atPath: path)?.count ?? 0) > 500)
    }
    // What was written is read again, with the same rows.
    let again = try run("top", folder.appendingPathComponent("a.pb").path)
    #expect(try again.output == golden("top heap2.pb.gz"))
  }

  @Test func remarksGoToStderr() throws {
    let result = try run("top", "--focus", "nosuchfunction", heap)
    #expect(result.status == 0 && result.errors == "memwhy: --focus matched no samples\n")
    let names = try run("top", "\(Self.folder)/gperftools.heap")
    #expect(names.errors.contains("no names of /srv/shop/shop"))
    let quiet = try run("top", "-q", "\(Self.folder)/gperftools.heap")
    #expect(quiet.errors.isEmpty && quiet.output == names.output)
  }

  @Test func exportOfHoldersIsStillThere() throws {
    let result = try run("export", "-o", "x.heapsnapshot", "999999999")
    #expect(result.status == 66 && result.errors.contains("999999999"))
    let help = try run("export", "--help")
    #expect(help.output.contains("holders") && help.output.contains("profile"))
  }
}
