import Foundation
import TestSupport
import Testing

/// What `--json` prints is what docs/report-schema.md says: every key is documented.
@Suite(.timeLimit(.minutes(10)))
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

  /// Every name of an object in `value` is a word of the page `name`.
  private func expectDocumented(_ value: Any, in names: String..., of verb: String) throws {
    var found: Set<String> = []
    keys(value, into: &found)
    #expect(!found.isEmpty, "\(verb)")
    let pages = try names.map {
      try String(contentsOf: TestProgram.packageRoot.appendingPathComponent("docs/\($0)"), encoding: .utf8)
    }
    let missing = found.filter { key in !pages.contains { $0.contains("`\(key)`") } }
    #expect(missing.isEmpty, "\(verb): \(names) do not say what these are: \(missing.sorted())")
  }

  private func answer(_ arguments: [String]) throws -> Any {
    let result = try MemwhyBinary.run(arguments)
    #expect(result.status == 0, "\(arguments): \(result.errors)")
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
    #expect((object as? [String: Any])?["schemaVersion"] as? Int == 1, "\(arguments)")
    return object
  }

  @Test func everyKeyOfTheOtherVerbsIsDocumented() throws {
    let zoo = try TestProgram.path(
      "holderzoo", .swift(["-O", "-g", "-swift-version", "6", "-parse-as-library"]))
    let incident = try RunningProgram(zoo, ["incident", "60", "20", "inline"])
    defer { incident.stop() }
    let before = TemporaryPath("before.memwhy")
    _ = try MemwhyBinary.run(["snapshot", "-o", before.path, "\(incident.pid)"])
    for arguments in [["concurrency", "20"], ["actors", "20", "5"], ["views", "50"]] {
      let program = try RunningProgram(zoo, arguments)
      defer { program.stop() }
      let pid = "\(program.pid)"
      for verb in ["retained", "duplicates", "tasks"] {
        try expectDocumented(answer([verb, "--json", pid]), in: "holders.md", "report-schema.md", of: verb)
      }
      let after = TemporaryPath("after.memwhy")
      _ = try MemwhyBinary.run(["snapshot", "-o", after.path, pid])
      try expectDocumented(answer(["diff", "--json", before.path, after.path]), in: "snapshots.md", of: "diff")
    }
    let pid = "\(incident.pid)"
    for words in [["retained", "--show-contents"], ["path", "OfferObject"]] {
      try expectDocumented(answer(words + ["--json", pid]), in: "holders.md", "report-schema.md", of: words[0])
    }
    let history = TemporaryPath("history.db")
    let watch = try MemwhyBinary.run(["watch", "--json", "--for", "3s", "--history", history.path, pid])
    for line in watch.output.split(separator: "\n") {
      try expectDocumented(JSONSerialization.jsonObject(with: Data(line.utf8)), in: "history.md", of: "watch")
    }
    for words in [["history", "--json"], ["history", "--verdict", "--json"]] {
      let words = words + ["--history", history.path]
      try expectDocumented(answer(words), in: "history.md", "report-schema.md", of: "history")
    }
  }
}
