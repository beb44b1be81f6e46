import Foundation
import HeapGraph
import Reports
import TestSupport
import Testing

/// Who holds what, on programs that know.
@Suite(.serialized, .timeLimit(.minutes(10)))
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
      "holderzoo", .swift(["-O", "-g", "-swift-version", "6", "-parse-as-library"]), strip: strip)
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
    #expect(holder.name.hasPrefix("cache : [Int64 : Cached<"), "\(holder.name)")
    #expect(Double(holder.retainedBytes) > 0.97 * Double(retained.reachableBytes))
    let found = containers(holder)
    let outer = try #require(found.first?.container)
    #expect(outer.entries == UInt64(ids))
    #expect(outer.slots == 1024)
    #expect(outer.keys?.kind == .integers && outer.keys?.distinct == ids)
    #expect(outer.keys?.lowest == 3 && outer.keys?.highest == Int64(ids - 1) * 7 + 3)
    let inner = try #require(found.dropFirst().first)
    #expect(inner.field == "[value].value" && inner.name == "[String : Offer] storage")
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

    let paths = try #require(try answer(["path", "[String: Offer]", "\(inline.program.pid)"]).paths)
    #expect(paths.objects == ids && paths.groups.reduce(0) { $0 + $1.objects } == ids)
    #expect(paths.groups.first?.root.title == holder.name)
  }

  /// On programs of several kinds: every holder above 1 % bears the name of a variable, a frame, a task, a thread's variable or a runtime's table.
  @Test(arguments: [
    ["incident", "300", "20", "inline"], ["documents", "500", "equal"], ["views", "200", "view"],
    ["concurrency", "40"],
    ["tasks", "40"], ["actors", "60", "10"], ["enums", "100"],
  ]) func everyHolderHasAName(arguments: [String]) throws {
    let zoo = try start(arguments)
    defer { zoo.program.stop() }
    let retained = try #require(try answer(["retained", "\(zoo.program.pid)"]).retained)
    #expect(!retained.holders.isEmpty)
    for holder in retained.holders where Double(holder.retainedBytes) >= 0.01 * Double(retained.reachableBytes) {
      switch holder.kind {
      case .root:
        #expect(holder.root?.kind != .anonymous && !holder.name.isEmpty, "\(holder.name)")
        #expect(!holder.name.contains("unknown function"), "\(holder.name)")
      case .shared:
        let named = holder.heldBy.filter { !$0.contains("no module and no thread") }
        #expect(!named.isEmpty, "\(holder.name) \(holder.heldBy)")
      case .blocks: Issue.record("\(holder.name) has no root")
      }
    }
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

  /// Views of large buffers, and the same program with copies of what they show.
  @Test func smallViewsOfLargeBuffers() throws {
    let count = 1000
    let views = try start(["views", "\(count)", "view"])
    defer { views.program.stop() }
    let copied = try start(["views", "\(count)", "copied"])
    defer { copied.program.stop() }
    let waste = try #require(try answer(["duplicates", "\(views.program.pid)"]).waste)
    // The allocator's 8 bytes a block are not in usable bytes; a Data is two blocks of which one stays.
    let saved = Double(try views.number("live")) - Double(try copied.number("live"))
    #expect(abs(Double(waste.pinnedBytes) - saved) < 0.02 * saved, "\(waste.pinned) and \(saved)")
    for (kind, place, root) in [
      (BufferViewKind.substring, "[Substring] storage[…]", "words"), (.data, "Header.bytes", "headers"),
      (.arraySlice, "[Int : ArraySlice<Double>] storage[value]", "samples"),
    ] {
      let row = try #require(waste.pinned.first { $0.kind == kind && $0.views > 10 }, "\(waste.pinned)")
      #expect(row.place.hasSuffix(place) && row.root.hasPrefix(root), "\(row)")
      // A word on the stack may hold the one or other as well.
      #expect(row.views >= count - 10 && row.buffers == row.views, "\(row)")
    }
    let none = try #require(try answer(["duplicates", "\(copied.program.pid)"]).waste)
    #expect(none.pinnedBytes < waste.pinnedBytes / 100, "\(none.pinned)")
    let text = try MemwhyBinary.run(["duplicates", "\(views.program.pid)"])
    #expect(text.output.contains("copies by String(x) would give back"), "\(text.output)")
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

  /// Tasks that have not begun are told by the function with which they will, also where that is behind a thunk.
  @Test func tasksThatHaveNotBegun() throws {
    let count = 40
    let zoo = try start(["unstarted", "\(count)"])
    defer { zoo.program.stop() }
    let groups = try #require(try answer(["tasks", "\(zoo.program.pid)"]).tasks).groups.filter {
      $0.state == .unstarted
    }
    #expect(
      groups.map { $0.functions.first }.sorted { ($0 ?? "") < ($1 ?? "") } == [
        "closure #1 in queueTasks(_:)", "closure #2 in queueTasks(_:)",
      ])
    #expect(groups.allSatisfy { $0.tasks == count && $0.isMain?.first == true }, "\(groups)")
  }

  /// Tasks that are stuck in other ways than a lost continuation, and streams that nobody reads.
  @Test func stuckTasksAndStreams() throws {
    let count = 50
    let zoo = try start(["concurrency", "\(count)"])
    defer { zoo.program.stop() }
    let report = try #require(try answer(["tasks", "\(zoo.program.pid)"]).tasks)
    func group(_ state: TaskGroup.State, _ relation: TaskGroup.Relation, _ function: String) throws -> TaskGroup {
      try #require(
        report.groups.first {
          $0.state == state && $0.relation == relation
            && (function.isEmpty || $0.functions.contains { $0.contains(function) })
        }, "\(state) \(relation) \(function): \(report.groups)")
    }
    let dropped = try group(.waitsForContinuation, .own, "waitForDropped")
    #expect(dropped.tasks == count && dropped.lost == 0 && dropped.handleOnly >= count - 2, "\(dropped)")
    #expect(dropped.heldBy?.hasPrefix("handles") ?? false, "\(dropped)")
    let children = try group(.waitsForContinuation, .groupChild, "waitInGroup")
    #expect(children.tasks == count && children.handleOnly == 0, "\(children)")
    #expect(children.parent?.contains("fanOut") ?? false, "\(children)")
    let untaken = try group(.complete, .groupChild, "")
    #expect(untaken.tasks == count && untaken.holds.contains { $0.type == "[Int] storage" && $0.blocks == count })
    let inner = try group(.waitsForContinuation, .asyncLet, "waitInGroup")
    #expect(inner.tasks == 1 && inner.parent?.contains("fanOut") ?? false, "\(inner)")
    // No task is counted twice, and what hangs on another is counted with it.
    #expect(report.retainedBytes < report.groups.reduce(0) { $0 + $1.retainedBytes })
    #expect(report.tasks == report.groups.reduce(0) { $0 + $1.tasks })

    let unread = try #require(report.streams.first { $0.type == "AsyncStream<Int>" }, "\(report.streams)")
    #expect(unread.elements == UInt64(count * 10) && unread.reader == .none, "\(unread)")
    #expect(unread.heldBy.hasPrefix("feed"), "\(unread)")
    let stored = try #require(report.streams.first { $0.type.hasSuffix("Document>") }, "\(report.streams)")
    #expect(stored.elements == UInt64(count) && stored.reader == .stored && stored.bytes > 40_000, "\(stored)")
    let text = try MemwhyBinary.run(["tasks", "\(zoo.program.pid)"])
    for words in ["a Task handle is kept", "has not taken their results", "only its continuation is left"] {
      #expect(text.output.replacing("\n       ", with: " ").contains(words), "\(text.output)")
    }
    // The compiler's debug information says where.
    if Self.hasSymbolizer {
      #expect(text.output.contains("Concurrency.swift:"), "\(text.output)")
    } else {
      skip("llvm-symbolizer is not installed")
    }
  }

  private static var hasSymbolizer: Bool {
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/llvm-symbolizer")
    }
  }

  /// Payloads whose word other cases use as well: the path names the case that the program put them in.
  @Test(arguments: [false, true]) func casesOfEnums(stripped: Bool) throws {
    let zoo = try start(["enums", "60"], strip: stripped)
    defer { zoo.program.stop() }
    let paths = try #require(try answer(["path", "Payload", "\(zoo.program.pid)"]).paths)
    let cases = zoo.program.output.split(separator: "\n").filter { $0.hasPrefix("CASE ") }
      .map { $0.split(separator: " ") }
    #expect(cases.count == 22)
    for line in cases {
      // Variables of a stripped program have no names.
      let place = stripped ? String(line[2].drop { $0 != "." && $0 != "[" }) : String(line[2])
      let suffix = place.replacing("states[", with: "[").replacing("byNumber[", with: "[") + " -> Payload"
      let variable = place.prefix { $0.isLetter }
      let found = paths.groups.filter {
        $0.text.hasSuffix(suffix) && (stripped || !place.contains("[") || $0.text.hasPrefix("\(variable) "))
      }
      let objects = found.reduce(0) { $0 + $1.objects }
      // A word of the stack may lead to one as well.
      #expect(abs(objects - (Int(line[1]) ?? -9)) <= 1, "\(line): \(paths.groups.map(\.text))")
    }
    #expect(!paths.groups.contains { $0.text.contains(".number") }, "\(paths.groups.map(\.text))")
  }

  /// An actor that does not come to an end with a job: what it does, who waits for it, and that it alone keeps them.
  @Test func jobsThatWaitForAnActor() throws {
    let (sorted, incoming) = (120, 30)
    let zoo = try start(["actors", "\(sorted)", "\(incoming)"])
    defer { zoo.program.stop() }
    let pid = "\(zoo.program.pid)"
    let report = try #require(try answer(["tasks", pid]).tasks)
    let actors = try #require(report.actors, "\(report)")
    #expect(actors.count == 1, "\(actors)")
    let mailbox = try #require(actors.first)
    #expect(mailbox.type.hasSuffix("Mailbox") && mailbox.heldBy?.hasPrefix("mailbox") ?? false, "\(mailbox)")
    #expect(mailbox.summary.jobs == sorted + incoming && mailbox.summary.running == 1, "\(mailbox)")
    #expect(mailbox.summary.longestWaiting?.contains("deliver") ?? false, "\(mailbox)")
    #expect(mailbox.summary.waiting.map(\.jobs) == [sorted, incoming], "\(mailbox)")
    for (function, count) in [("deliver", sorted), ("collect", incoming)] {
      let group = try #require(report.groups.first { $0.functions.first?.contains(function) ?? false })
      #expect(group.tasks == count && group.queuedOn == mailbox.type && group.lost == 0, "\(group)")
      // Each its own, however long the queue; a word of a stack may lead to one as well.
      #expect(group.holds.contains { $0.type == "[Int] storage" && $0.blocks >= count - 2 }, "\(group)")
    }
    let text = try MemwhyBinary.run(["tasks", pid]).output.replacing("\n       ", with: " ")
    #expect(text.contains("Mailbox: running; \(sorted + incoming) jobs wait, the longest in"), "\(text)")

    let retained = try #require(try answer(["retained", pid]).retained)
    func all(_ holder: Holder) -> [Holder] { [holder] + holder.children.flatMap(all) }
    let holder = try #require(retained.holders.flatMap(all).first { $0.actors?.jobs ?? 0 > 0 }, "\(retained)")
    #expect(holder.name.hasPrefix("actor ") && holder.name.hasSuffix("Mailbox"), "\(holder.name)")
    let waiting = holder.children.filter { $0.field == "[queued]" && $0.name.hasPrefix("task suspended in") }
    // To the first of each function there is another way, a handle, but not over it to those behind. A word of a stack may lead to the one or
    // other as well.
    #expect(waiting.reduce(0) { $0 + $1.count } >= sorted + incoming - 6, "\(holder.children.map(\.name))")

    let idle = try answer(["path", "0x" + String(zoo.number("unused"), radix: 16), pid]).paths
    #expect(
      idle?.actors?.actors == 1 && idle?.actors?.jobs == 0 && idle?.actors?.running == 0, "\(String(describing: idle))")
    let shown = try MemwhyBinary.run(["path", "Mailbox", pid])
    #expect(shown.output.contains("2 actors, 1 running; 150 jobs wait"), "\(shown.output)\(shown.errors)")
  }

  /// Of one object alone: the element, the integer key, the field.
  @Test func pathsWithPositions() throws {
    let zoo = try start(["incident", "40", "10", "boxed"])
    defer { zoo.program.stop() }
    let pid = "\(zoo.program.pid)"
    let all = try #require(try answer(["path", "OfferObject", pid]).paths)
    let example = try #require(all.groups.first { $0.objects >= 300 }?.example, "\(all.groups.map(\.text))")
    let one = try #require(try answer(["path", example, pid]).paths)
    let text = try #require(one.groups.first?.text)
    #expect(one.objects == 1 && one.groups.count == 1)
    let key = try #require(text.firstMatch(of: /\[(\d+)\]\.value\[value in bucket \d+\]/), "\(text)")
    // Keys are 7 n + 3.
    #expect((Int(key.output.1) ?? 0) % 7 == 3, "\(text)")
    let shown = try MemwhyBinary.run(["path", example, "--show-contents", pid])
    #expect(shown.output.replacing("\n", with: "").contains("[\"campaign_"), "\(shown.output)")
    let graph = TemporaryPath("path.dot")
    let drawn = try MemwhyBinary.run(["path", "OfferObject", "--dot", graph.path, pid])
    #expect(drawn.status == 0, "\(drawn.errors)")
    let dot = try String(contentsOfFile: graph.path, encoding: .utf8)
    #expect(dot.hasPrefix("digraph") && dot.contains("OfferObject") && dot.contains("boxed"), "\(dot)")
    // Types inside of types are called without their module, too.
    for type in ["[String : OfferObject]", "[String: OfferObject] storage", "Dictionary<String, OfferObject>"] {
      let found = try #require(try answer(["path", type, pid]).paths)
      #expect(found.objects == 40, "\(type): \(found.subject)")
    }
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
    #expect(first.path.hasPrefix("cache : ") && first.growsInEveryStep, "\(first)")
    #expect(diff.holders.contains { $0.entries == [100, 200, 300] }, "\(diff.holders)")
    #expect(!diff.holders.contains { $0.path.hasPrefix("titles") })
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
      (["path", "Offr"], Int32(66), ["Offr", "[String : Offer]"]), (["path", "0x10"], 66, ["nothing is mapped"]),
      (["path", "0xzz"], 64, ["not an address"]),
      (["path", "0x" + String(try zoo.number("freed"), radix: 16)], 66, ["free or the allocator's own"]),
      (["retained", "--min-share", "200"], 64, ["--min-share"]),
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
