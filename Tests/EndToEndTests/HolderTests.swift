import Foundation
import HeapGraph
import Reports
import TestSupport
import Testing

/// Who holds what, on programs that know.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct HolderTests {
  private struct Zoo {
    let program: RunningProgram
    /// What the program printed as `name number`.
    func number(_ name: String) throws -> UInt64 {
      for line in program.output.split(separator: "\n") where line.hasPrefix(name + " ") {
        if let value = UInt64(line.dropFirst(name.count + 1)) { return value }
      }
      throw TestFailure("no \(name) in \(program.output)")
    }
  }

  private func start(_ arguments: [String], strip: Bool = false) throws -> Zoo {
    let path = try TestProgram.path(
      "holderzoo", .swift(["-O", "-swift-version", "6", "-parse-as-library"]), strip: strip)
    return Zoo(program: try RunningProgram(path, arguments))
  }

  private func answer(_ arguments: [String]) throws -> HoldersAnswer {
    let result = try MemwhyBinary.run(arguments + ["--json"])
    guard result.status == 0 else { throw TestFailure("\(arguments): \(result.status) \(result.errors)") }
    return try JSONDecoder().decode(HoldersAnswer.self, from: Data(result.output.utf8))
  }

  private func containers(_ holder: Holder) -> [Holder] {
    (holder.container == nil ? [] : [holder]) + holder.children.flatMap(containers)
  }

  /// The incident: name, entries, how full, what keys, equal copies, what other shapes would save; and what they save really do.
  @Test func theIncident() throws {
    let ids = 600
    let inline = try start(["incident", "\(ids)", "50", "inline"])
    defer { inline.program.stop() }
    let retained = try #require(try answer(["retained", "\(inline.program.pid)"]).retained)
    let holder = try #require(retained.holders.first)
    #expect(holder.name.hasPrefix("main.cache : [Int64 : main.Cached<"), "\(holder.name)")
    #expect(Double(holder.retainedBytes) > 0.97 * Double(retained.reachableBytes))
    let found = containers(holder)
    let outer = try #require(found.first?.container)
    #expect(outer.entries == UInt64(ids))
    #expect(outer.slots == 1024)
    #expect(outer.keys?.kind == .integers && outer.keys?.distinct == ids)
    #expect(outer.keys?.lowest == 3 && outer.keys?.highest == Int64(ids - 1) * 7 + 3)
    let inner = try #require(found.dropFirst().first)
    #expect(inner.field == "[value].value" && inner.name == "[String : main.Offer] storage")
    // A word on the stack may hold the one or other as well.
    #expect(inner.count >= ids - 6 && inner.count <= ids, "\(inner.count)")
    let container = try #require(inner.container)
    #expect(container.entries == UInt64(inner.count * 50) && container.slots == UInt64(inner.count * 128))
    #expect(container.keys?.kind == .strings && container.keys?.distinct == 50)
    let values = try #require(container.values)
    #expect(values.equalBytes == 176 && values.valueBytes == 192)
    #expect(values.differingFields == ["campaign", "used"], "\(values.differingFields)")

    // The program built the other way, and the allocator's own count of what that saved.
    let now = try inline.number("live")
    let bytes = Dictionary(uniqueKeysWithValues: values.shapes.map { ($0.kind, $0.bytesPerContainer) })
    for (kind, shape) in [
      (ValueSummary.Shape.Kind.boxed, "boxed"), (.shared, "shared"), (.exactArray, "array"),
      (.differenceOnly, "difference"),
    ] {
      let other = try start(["incident", "\(ids)", "50", shape])
      defer { other.program.stop() }
      let saved = Double(now) - Double(try other.number("live"))
      let promised = try Double(#require(bytes[.inline])) - Double(#require(bytes[kind]))
      #expect(abs(promised * Double(ids) - saved) < 0.02 * saved, "\(shape): \(promised * Double(ids)) and \(saved)")
    }

    let paths = try #require(try answer(["path", "[String: main.Offer]", "\(inline.program.pid)"]).paths)
    #expect(paths.objects == ids && paths.groups.reduce(0) { $0 + $1.objects } == ids)
    #expect(paths.groups.first?.root.title == holder.name)
  }

  /// Without symbols the module, the offset and the type of the first object are left.
  @Test func strippedProgram() throws {
    let zoo = try start(["incident", "200", "10", "inline"], strip: true)
    defer { zoo.program.stop() }
    let retained = try #require(try answer(["retained", "\(zoo.program.pid)"]).retained)
    let holder = try #require(retained.holders.first)
    #expect(holder.name.hasPrefix("holderzoo") && holder.name.contains("+0x"), "\(holder.name)")
    #expect(holder.children.first?.name.hasPrefix("[Int64 : ") ?? false, "\(holder.children.map(\.name))")
    let text = try MemwhyBinary.run(["retained", "\(zoo.program.pid)"])
    #expect(text.status == 0 && text.output.contains("WHO HOLDS IT"), "\(text.output)\(text.errors)")
  }

  /// Equal documents: what is promised for keeping each once is what the program saves that does so.
  @Test func equalCopies() throws {
    let count = 2000
    let equal = try start(["documents", "\(count)", "equal"])
    defer { equal.program.stop() }
    let shared = try start(["documents", "\(count)", "shared"])
    defer { shared.program.stop() }
    let waste = try #require(try answer(["duplicates", "\(equal.program.pid)"]).waste)
    let documents = try #require(waste.duplicates.first { $0.type.hasSuffix("Document") })
    #expect(documents.blocks == count && documents.distinct == 10)
    // Usable bytes leave out the allocator's 8 bytes a block; a document is five blocks.
    let saved = Double(try equal.number("live")) - Double(try shared.number("live")) - Double((count - 10) * 5 * 8)
    #expect(abs(Double(documents.savedBytes) - saved) < 0.02 * saved, "\(documents.savedBytes) and \(saved)")
    let none = try #require(try answer(["duplicates", "\(shared.program.pid)"]).waste)
    #expect(none.duplicateBytes < waste.duplicateBytes / 50)
  }

  @Test func tasksByFunction() throws {
    let zoo = try start(["tasks", "40"])
    defer { zoo.program.stop() }
    let tasks = try #require(try answer(["tasks", "\(zoo.program.pid)"]).tasks)
    func group(_ name: String) throws -> TaskGroup {
      try #require(tasks.groups.first { $0.functions.contains { $0.contains(name) } }, "\(tasks.groups)")
    }
    let kept = try group("waitForKept")
    #expect(kept.tasks == 40 && kept.lost == 0, "\(kept)")
    let lost = try group("waitForLost")
    #expect(lost.tasks == 40 && lost.lost >= 38, "\(lost)")
    let text = try MemwhyBinary.run(["tasks", "\(zoo.program.pid)"])
    #expect(text.status == 0 && text.output.contains("nobody can resume"), "\(text.output)\(text.errors)")
  }

  /// More entries in the cache: the holder is named, by entries, and the one that did not grow is not.
  @Test func growthBetweenSnapshots() throws {
    let files = (0..<3).map { TemporaryPath("snapshot\($0)") }
    for (index, file) in files.enumerated() {
      let zoo = try start(["incident", "\(100 + 100 * index)", "10", "inline"])
      defer { zoo.program.stop() }
      let result = try MemwhyBinary.run(["snapshot", "-o", file.path, "\(zoo.program.pid)"])
      #expect(result.status == 0 && result.output.isEmpty, "\(result.errors)")
    }
    let result = try MemwhyBinary.run(["diff", "--json"] + files.map(\.path))
    #expect(result.status == 0, "\(result.errors)")
    let diff = try JSONDecoder().decode(SnapshotDiff.self, from: Data(result.output.utf8))
    let first = try #require(diff.holders.first)
    #expect(first.path.hasPrefix("main.cache : ") && first.growsInEveryStep, "\(first)")
    #expect(diff.holders.contains { $0.entries == [100, 200, 300] }, "\(diff.holders)")
    #expect(!diff.holders.contains { $0.path.hasPrefix("main.titles") })
    let text = try MemwhyBinary.run(["diff"] + files.map(\.path))
    #expect(text.output.contains("HOLDERS THAT GREW IN EVERY STEP"), "\(text.output)")
    #expect(text.output.contains("100 -> 300 entries"), "\(text.output)")
    for (arguments, status) in [
      (["diff", files[0].path], Int32(64)), (["diff", files[0].path, "/etc/hostname"], 66),
      (["diff", files[0].path, "/no/such/file"], 66),
    ] {
      let result = try MemwhyBinary.run(arguments)
      #expect(result.status == status && result.errorLines.count == 1, "\(arguments): \(result.errors)")
    }
  }

  @Test func badQuestions() throws {
    let zoo = try start(["incident", "20", "10", "inline"])
    defer { zoo.program.stop() }
    for (arguments, status, words) in [
      (["path", "Offr"], Int32(66), ["Offr", "[String : main.Offer]"]), (["path", "0x10"], 66, ["nothing is mapped"]),
      (["path", "0xzz"], 64, ["not an address"]), (["retained", "--min-share", "200"], 64, ["--min-share"]),
    ] {
      let result = try MemwhyBinary.run(arguments + ["\(zoo.program.pid)"])
      #expect(result.status == status, "\(arguments): \(result.errors)")
      #expect(result.errorLines.count == 1 && result.output.isEmpty, "\(arguments): \(result.errors)")
      for word in words { #expect(result.errors.contains(word), "\(arguments): \(result.errors)") }
    }
    let running = try MemwhyBinary.run(["retained", "--freeze", "none", "\(zoo.program.pid)"])
    #expect(running.status == 77 && running.errors.contains("cannot be told"), "\(running.errors)")
  }
}
