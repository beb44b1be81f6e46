import Foundation
import TestSupport
import Testing

/// `memwhy top --held-by`: allocated here, held there. The program fills two caches by one function and knows how many entries are where.
@Suite(.serialized, .timeLimit(.minutes(10)))
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

  /// Entries in use, and blocks of all kinds.
  private func blocks(_ arguments: [String]) throws -> (entries: Int, all: Int, remarks: String) {
    let result = try MemwhyBinary.run(["top", "--json", "--inuse-objects", "--no-trim"] + arguments)
    guard result.status == 0 else { throw TestFailure("\(arguments): \(result.status) \(result.errors)") }
    let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let rows = try #require(object["rows"] as? [[String: Any]])
    let row = rows.first { ($0["name"] as? String)?.contains("Entry.__allocating_init") ?? false }
    return (
      row?["flat"] as? Int ?? 0, object["total"] as? Int ?? 0,
      (object["remarks"] as? [String] ?? []).joined(separator: "\n")
    )
  }

  @Test func whatEachCacheKeeps() throws {
    let program = try start()
    defer { program.stop() }
    let pid = "\(program.pid)"
    #expect(try blocks([pid]).entries == 300 + 500 + 70)
    #expect(try blocks([table.path]).entries == 300 + 500 + 70)
    // The title as `retained` prints it names the holder.
    let retained = try MemwhyBinary.run(["retained", pid])
    let title = String(
      try #require(retained.output.firstMatch(of: #/global (\S*first : [^\n]*?) -> /#)?.output.1, "\(retained.output)"))
    // Types have the module's name, unless the program has one of its own.
    let module = title.hasPrefix("main.") ? "main." : ""
    let way = "\(title) -> [Int : \(module)Entry] storage[value]"
    // Two blocks an entry, and the storage of the dictionary.
    for (path, entries, all) in [
      ("global \(title)", 300, 601), ("\(module)first", 300, 601),
      (title.replacing("first", with: "second"), 500, 1001),
      (way, 300, 600),
      ("\(way) -> 300 x \(module)Entry".filter { $0 != " " }.replacing("300x", with: "300 x "), 300, 600),
      ("\(way) -> \(module)Entry.bytes", 0, 300), ("Entry", 870, 1740), ("\(module)Entry.bytes", 0, 870),
    ] {
      let found = try blocks(["--held-by", path, pid])
      // A word on the stack may keep one entry as well.
      #expect(found.entries <= entries && found.entries >= entries - 2, "\(path): \(found)")
      #expect(found.all <= all && found.all >= all - 4, "\(path): \(found)")
    }
    #expect(try blocks(["--held-by", "\(module)second", pid]).remarks.contains("second : "))
    // The same for the other verbs.
    let peek = try MemwhyBinary.run(["peek", "fill", "--held-by", "\(module)Entry.bytes", pid])
    #expect(peek.status == 0 && peek.output.contains("fill()"), "\(peek.errors)")
  }

  /// `retained` says where, with the line.
  @Test func allocationsHaveTheirLines() throws {
    let program = try start()
    defer { program.stop() }
    let retained = try MemwhyBinary.run(["retained", "\(program.pid)"])
    let text = retained.output.replacing(#/\s+/#, with: " ")
    guard access("/usr/bin/llvm-symbolizer", X_OK) == 0 || text.contains("twocaches.swift:") else {
      return skip("llvm-symbolizer is not installed")
    }
    let allocated = try #require(
      text.firstMatch(of: #/allocated in [^<]*Entry\.\S*init\S* \(twocaches\.swift:(\d+)\)/#), "\(text)")
    #expect((4...24).contains(Int(allocated.output.1) ?? 0), "\(allocated.output.0)")
    #expect(!text.contains("completeTask") && !text.contains("reabstraction thunk"))
  }

  /// The page has the sampler's flame graph, or that of a file.
  @Test func thePageHasAFlameGraph() throws {
    let program = try start()
    defer { program.stop() }
    let page = TemporaryPath("page.html")
    let result = try MemwhyBinary.run(["\(program.pid)", "--once", "--json", "--html", page.path])
    #expect(result.status == 0, "\(result.errors)")
    let html = try String(contentsOfFile: page.path, encoding: .utf8)
    #expect(html.contains("id=\"profile-section\"") && html.contains("fill()"))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let root = try #require((object["profile"] as? [String: Any])?["root"] as? [String: Any])
    // 870 entries with 1,000 bytes and a head each, and what else the program has.
    let value = try #require(root["value"] as? Double)
    #expect(value > 870 * 1032 && value < 870 * 1032 + 300_000, "\(value)")
    #expect(root["name"] as? String == "in use")

    let plain = try RunningProgram(try TestProgram.path("sleeper.c", .c([])), [], ready: nil)
    defer { plain.stop() }
    usleep(100_000)
    let file = TestProgram.packageRoot.appendingPathComponent("Tests/Fixtures/profiles/heap2.pb.gz").path
    let given = try MemwhyBinary.run(["\(plain.pid)", "--once", "--html", page.path, "--profile", file])
    #expect(given.status == 0, "\(given.errors)")
    #expect(try String(contentsOfFile: page.path, encoding: .utf8).contains("main.build"))
    let none = try MemwhyBinary.run(["\(plain.pid)", "--once", "--html", page.path])
    #expect(none.status == 0, "\(none.errors)")
    #expect(try !String(contentsOfFile: page.path, encoding: .utf8).contains("profile-section"))
    let missing = try MemwhyBinary.run(["\(plain.pid)", "--once", "--profile", "/nowhere.pb.gz"])
    #expect(missing.status == 66 && missing.output.isEmpty && missing.errors.contains("/nowhere.pb.gz"))
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
    #expect(found.entries <= 500 && found.entries >= 498, "\(found)")
  }
}
