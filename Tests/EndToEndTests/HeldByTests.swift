import Foundation
import TestSupport
import Testing

/// `memwhy top --held-by`: allocated here, held there. The program fills two caches by one function and knows how many entries are where.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct HeldByTests {
  private let table = TemporaryPath("held.table")

  private func start() throws -> RunningProgram {
    let path = try TestProgram.path(
      "twocaches.swift",
      .swift(["-O", "-g", "-swift-version", "6", "-parse-as-library", "-Xcc", "-fno-omit-frame-pointer"]))
    return try RunningProgram(
      path,
      environment: [
        "LD_PRELOAD": try SamplerLibrary.path(), "MEMWHY_SAMPLER_TABLE": table.path, "MEMWHY_SAMPLER_INTERVAL": "1",
      ])
  }

  /// Blocks in use that `makeEntry` allocated, itself or by what it calls.
  private func blocks(_ arguments: [String]) throws -> (count: Int, remarks: String) {
    let result = try MemwhyBinary.run(["top", "--json", "--inuse-objects", "--no-trim"] + arguments)
    guard result.status == 0 else { throw TestFailure("\(arguments): \(result.status) \(result.errors)") }
    let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let rows = try #require(object["rows"] as? [[String: Any]])
    let row = rows.first { ($0["name"] as? String)?.hasPrefix("makeEntry()") ?? false }
    return (row?["cum"] as? Int ?? 0, (object["remarks"] as? [String] ?? []).joined(separator: "\n"))
  }

  @Test func whatEachCacheKeeps() throws {
    let program = try start()
    defer { program.stop() }
    let pid = "\(program.pid)"
    #expect(try blocks([pid]).count == 2 * (300 + 500 + 70))
    #expect(try blocks([table.path]).count == 2 * (300 + 500 + 70))
    // The title as `retained` prints it names the holder.
    let retained = try MemwhyBinary.run(["retained", pid])
    let title = try #require(
      retained.output.firstMatch(of: #/global (\S*first : [^\n]*?) -> /#)?.output.1, "\(retained.output)")
    // A word on the stack may keep one entry as well.
    func isNear(_ count: Int, _ expected: Int) -> Bool { count <= expected && count >= expected - 4 }
    let whole = try blocks(["--held-by", "global \(title)", pid])
    #expect(isNear(whole.count, 600), "\(whole)")
    #expect(whole.remarks.contains("first : "), "\(whole.remarks)")
    for (path, count) in [
      (String(title.prefix { $0 != " " }), 600), (String(title).replacing("first", with: "second"), 1000),
      ("\(title)->[Int:Entry]storage[value]->300 x Entry", 600), ("\(title) -> [Int : Entry] storage[value]", 600),
      ("\(title) -> [Int : Entry] storage[value] -> Entry.bytes", 300), ("Entry", 2 * 870), ("Entry.bytes", 870),
    ] {
      // In a program without a module name of its own types have the module's.
      let named =
        title.contains("main.")
        ? path.replacing("Entry", with: "main.Entry").replacing("main.main.", with: "main.") : path
      let found = try blocks(["--held-by", named, pid])
      #expect(isNear(found.count, count), "\(named): \(found)")
    }
    // The same for the other verbs.
    let peek = try MemwhyBinary.run(["peek", "makeEntry", "--held-by", "Entry.bytes", pid])
    #expect(peek.status == 0 && peek.output.contains("makeEntry"), "\(peek.errors)")
  }

  @Test func whatCannotBeJoined() throws {
    let program = try start()
    defer { program.stop() }
    let pid = "\(program.pid)"
    let plain = try RunningProgram(
      try TestProgram.path("sleeper.c", .c([])), [], ready: nil)
    defer { plain.stop() }
    for (arguments, status, words) in [
      (["--held-by", "secnd", pid], Int32(66), ["secnd", "near are", "second"]),
      (["--held-by", "zzzzzzzz", pid], 66, ["the largest are", "second"]),
      (["--held-by", "second -> Nothing", pid], 66, ["no holder", "storage"]),
      (["--held-by", " ", pid], 64, ["memwhy retained"]), (["--held-by", "first", pid, pid], 64, ["one process"]),
      (["--held-by", "first", "--base", table.path, pid], 64, ["no base"]),
      (["--held-by", "first", "--freeze", "none", pid], 64, ["one instant"]),
      (["--held-by", "first", "/etc/hostname"], 64, ["memwhy run"]),
      (["--held-by", "first", "\(plain.pid)"], 66, ["has no sampler's table"]),
      (["--held-by", "first", "--alloc-space", pid], 64, ["alloc_space"]),
      (["--core", "core", pid], 64, ["--held-by"]),
    ] {
      let result = try MemwhyBinary.run(["top", "-q"] + arguments)
      #expect(result.status == status, "\(arguments): \(result.errors)")
      #expect(result.output.isEmpty, "\(arguments): \(result.output)")
      for word in words { #expect(result.errors.contains(word), "\(arguments): \(result.errors)") }
    }
    program.stop()
    let dead = try MemwhyBinary.run(["top", "--held-by", "first", table.path])
    #expect(dead.status == 69 && dead.errors.contains("--core"), "\(dead.errors)")
  }

  /// The table and a core file of a process that is gone.
  @Test(.enabled(if: access("/usr/bin/gcore", X_OK) == 0, "gcore is not installed"))
  func aCoreFileAndItsTable() throws {
    let program = try start()
    defer { program.stop() }
    let base = TemporaryPath("held.core")
    let core = "\(base.path).\(program.pid)"
    defer { unlink(core) }
    try TestProgram.run("gcore", ["-o", base.path, "\(program.pid)"])
    program.stop()
    let found = try blocks(["--held-by", "second", "--core", core, table.path])
    #expect(found.count <= 1000 && found.count >= 996, "\(found)")
  }
}
