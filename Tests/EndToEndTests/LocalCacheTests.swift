import Foundation
import HeapGraph
import Reports
import TestSupport
import Testing

/// The caches of a running program, from outside, against what the program says of itself.
@Suite(.serialized, .timeLimit(.minutes(10))) struct LocalCacheTests {
  private func start(leaked: Int = 10) throws -> RunningProgram {
    let path = URL(fileURLWithPath: try MemwhyBinary.path()).deletingLastPathComponent()
      .appendingPathComponent("cache-holder").path
    return try RunningProgram(path, ["\(leaked)"])
  }

  private func all(_ holders: [Holder]) -> [Holder] { holders.flatMap { [$0] + all($0.children) } }

  @Test func allCachesWithTheirNumbers() throws {
    let program = try start()
    defer { program.stop() }
    let result = try MemwhyBinary.run(["retained", "--min-share", "0", "--json", "\(program.pid)"])
    try #require(result.status == 0, "\(result.errors)")
    let answer = try JSONDecoder().decode(HoldersAnswer.self, from: Data(result.output.utf8))
    let retained = try #require(answer.retained)
    let caches = try #require(retained.localCaches)
    #expect(retained.damagedCaches == nil)
    #expect(Set(caches.map(\.name)) == ["profiles", "sessions ünder load", "unused", "leaked"])

    let rows = program.output.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
      .filter { $0.first == "cache" }
    #expect(rows.count == 3)
    for row in rows where row.count == 12 {
      let cache = try #require(caches.first { $0.name == row[1] })
      let published = try #require(cache.published)
      let numbers = [
        cache.limit, published.weight, cache.entries, cache.hits, cache.misses, cache.insertions, cache.evictions,
        published.distinctKeys,
      ]
      #expect([cache.unit.rawValue] + numbers.map(String.init) == Array(row[2...10]), "\(row[1])")
      #expect(published.advice.rawValue == row[11])
      let lookups = Double(cache.hits + cache.misses)
      #expect(cache.hitRatio == Double(cache.hits) / lookups)
      let repeats = try #require(published.repeatRatio)
      // What hits has been asked for or stored before.
      let expected = max(Double(cache.hits) / lookups, 1 - Double(published.distinctKeys) / lookups)
      #expect(abs(repeats - expected) < 1e-9, "\(row[1]): \(repeats)")
    }
    let unused = try #require(caches.first { $0.name == "unused" })
    #expect(unused.published == nil && unused.hitRatio == nil && unused.entries == 0)
    #expect(unused.unit == .weight && unused.limit == 100)

    // In the tree of holders as well: the object under its variable, with entries and bytes an entry.
    let objects = all(retained.holders).filter { $0.container?.kind == .localCache }
    let profiles = try #require(objects.first { $0.container?.entries == 5000 }, "\(objects.map(\.name))")
    let bytes = try #require(profiles.container?.bytesPerEntry)
    // A text of more than 15 bytes is in a block of its own.
    #expect(bytes > 64 && bytes < 400, "\(bytes)")
  }

  /// The verdict on the process shows theirs.
  @Test func aDiagnosisShowsThem() throws {
    let program = try start()
    defer { program.stop() }
    let page = TemporaryPath("caches.html")
    let result = try MemwhyBinary.run(["\(program.pid)", "--for", "1s", "--html", page.path, "--json"])
    #expect(result.status == 0, "\(result.errors)")
    let report = try JSONDecoder().decode(ReportModel.self, from: Data(result.output.utf8))
    let caches = try #require(report.localCaches)
    #expect(caches.contains { $0.name == "unused" && $0.entries == 0 })
    let text = TextReport().render(report)
    #expect(text.contains("LOCAL CACHES\n") && text.contains("unused: 0 entries, at most weight 100"), "\(text)")
    let html = try String(contentsOfFile: page.path, encoding: .utf8)
    #expect(html.contains("<h2 id=\"caches-title\">Local caches</h2>"))
    #expect(caches.allSatisfy { html.contains("<td>\($0.name.isEmpty ? "(without a name)" : $0.name): ") }, "\(caches)")
  }

  /// The list of descriptions leads to every cache, but keeps none: a leaked one is a leak.
  @Test func aLeakedCacheIsALeak() throws {
    let program = try start(leaked: 60)
    defer { program.stop() }
    let result = try MemwhyBinary.run(["leaks", "--json", "\(program.pid)"])
    let groups = try JSONDecoder().decode(ReportModel.self, from: Data(result.output.utf8)).leaks.groups
    func leaked(_ type: String) -> UInt64 {
      groups.flatMap(\.members).reduce(0) { $0 + ($1.type.contains(type) ? $1.count : 0) }
    }
    // Of the sixty a stale word may keep some: in the holes that the first of them left there lie up to six, however many are leaked.
    #expect(leaked("LocalCache<UInt8, UInt8>") >= 42, "\(groups)")
    #expect(leaked("LocalCache<Int, ") == 0, "\(groups)")
  }

  /// The join with the sampler: every block is sampled, and their stacks lead to the functions that made them.
  @Test func whereTheyWereAllocated() throws {
    let table = TemporaryPath("caches.table")
    let path = URL(fileURLWithPath: try MemwhyBinary.path()).deletingLastPathComponent()
      .appendingPathComponent("cache-holder").path
    let program = try RunningProgram(
      path,
      environment: [
        "LD_PRELOAD": try SamplerLibrary.path(), "MEMWHY_SAMPLER_TABLE": table.path, "MEMWHY_SAMPLER_INTERVAL": "1",
      ])
    defer { program.stop() }
    let leaks = try MemwhyBinary.run(["leaks", "--json", "\(program.pid)"])
    let groups = try JSONDecoder().decode(ReportModel.self, from: Data(leaks.output.utf8)).leaks.groups
    let evidence = groups.flatMap(\.evidence)
    #expect(evidence.contains { $0.hasPrefix("allocated in ") && $0.contains("LocalCache.") }, "\(evidence)")

    let result = try MemwhyBinary.run(["retained", "--min-share", "0", "--json", "\(program.pid)"])
    let answer = try JSONDecoder().decode(HoldersAnswer.self, from: Data(result.output.utf8))
    let holders = all(try #require(answer.retained).holders)
    // The bytes of the sessions, made in `use()` by the standard library's functions. A word somewhere that looks like a pointer to one of the
    // cache's chunks makes a group of its own of what is in that.
    let bytes = holders.filter { $0.name == "[UInt8] storage" && $0.count > 100 }
    let names = holders.filter { $0.name.contains("UInt8]") }.map { "\($0.count) x \($0.name)" }
    #expect(bytes.reduce(0) { $0 + $1.count } > 1000, "\(names)")
    let stacks = bytes.compactMap { $0.allocatedIn?.first }
    #expect(stacks.reduce(0) { $0 + $1.blocks } > 1000)
    for stack in stacks {
      #expect(
        stack.stack.replacing(#/ \(CacheHolder\.swift:\d+\)/#, with: "").hasPrefix(
          "static CacheHolder.use() <- static CacheHolder.main()"), "\(stack)")
      #expect(stack.sampled >= stack.blocks, "\(stack)")
    }
  }

  /// Without a sampler nothing is said of stacks.
  @Test func nothingIsClaimedWithoutASampler() throws {
    let program = try start()
    defer { program.stop() }
    let result = try MemwhyBinary.run(["retained", "--json", "\(program.pid)"])
    #expect(result.status == 0 && !result.output.contains("allocatedIn"))
  }

  @Test func theAnswerAsText() throws {
    let program = try start()
    defer { program.stop() }
    let result = try MemwhyBinary.run(["retained", "\(program.pid)"])
    let lines = result.output.split(separator: "\n").map(String.init)
    let start = try #require(lines.firstIndex(of: "LOCAL CACHES"), "\(result.output)\(result.errors)")
    let text = lines[start...].joined(separator: "\n")
    #expect(text.contains("  profiles: 5,000 entries of at most 100,000\n"), "\(text)")
    #expect(text.contains("62.5 % of 8,000 look-ups hit"), "\(text)")
    #expect(text.contains("  unused: 0 entries, at most weight 100\n    nobody has looked anything up\n"), "\(text)")
    #expect(text.contains("verdict: "), "\(text)")
  }
}
