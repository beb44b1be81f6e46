import Foundation
import TestSupport
import Testing

/// What `--json` prints is what docs/report-schema.md says: every key is documented.
@Suite(.timeLimit(.minutes(3)))
struct SchemaTests {
  private func keys(_ value: Any, into result: inout Set<String>) {
    if let object = value as? [String: Any] {
      for (key, content) in object {
        result.insert(key)
        keys(content, into: &result)
      }
    } else if let list = value as? [Any] {
      for element in list { keys(element, into: &result) }
    }
  }

  @Test(arguments: ["diagnose", "leaks", "heap"]) func everyKeyIsDocumented(verb: String) throws {
    let truth = TemporaryPath("truth")
    let program = try RunningProgram(TestProgram.path("cleak", .c(["-O1", "-pthread"])), [truth.path, "all", "50"])
    defer { program.stop() }
    let watch = verb == "diagnose" ? ["--for", "2s", "--memory-max", "1GiB"] : []
    let result = try MemwhyBinary.run([verb, "--json"] + watch + ["\(program.pid)"])
    #expect(result.status == 0, "\(result.errors)")
    let report = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(report["schemaVersion"] as? Int == 1)
    #expect(report["verb"] as? String == verb)
    var found: Set<String> = []
    keys(report, into: &found)
    #expect(found.count > 20)
    let schema = try String(
      contentsOf: TestProgram.packageRoot.appendingPathComponent("docs/report-schema.md"), encoding: .utf8)
    let words = Set(schema.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
    let missing = found.filter { !words.contains($0) }
    #expect(missing.isEmpty, "not in docs/report-schema.md: \(missing.sorted())")
  }
}
