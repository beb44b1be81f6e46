import Foundation
import TestSupport
import Testing

@testable import CacheSimulator

@Suite struct SimulationTests {
  /// Hits that can be counted by hand.
  @Test func policiesOnATinyTrace() throws {
    let trace = Trace(name: "tiny", raw: [1, 2, 3, 1, 2, 3, 4, 1, 1])
    func hits(_ name: String, _ size: Int) throws -> Int {
      try #require(PolicyRow.all.first { $0.name == name }).hits(trace, size)
    }
    // Of two entries, LRU always drops what comes next, and only the last access hits.
    #expect(try hits("LRU", 2) == 1 && hits("LRU", 3) == 4 && hits("LRU", 4) == 5)
    // The optimum keeps 1 and 2 while 3 passes by.
    #expect(try hits("optimum", 2) == 4 && hits("optimum", 4) == 5)
    for row in PolicyRow.all {
      #expect(row.hits(trace, 1000) == 5, "\(row.name) with room for all")
      #expect(row.hits(trace, 1) <= 3, "\(row.name)")
    }
  }

  /// No policy beats the one that knows the future.
  @Test func theOptimumIsABound() {
    var state: UInt64 = 42
    let keys = (0..<6000).map { step -> UInt64 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return step % 5 == 0 ? UInt64(step) + 1_000_000 : UInt64((state >> 33) % ((state >> 20) % 400 + 1))
    }
    let trace = Trace(name: "made", raw: keys)
    for size in [5, 40, 150] {
      let best = PolicyRow.all.first { $0.name == "optimum" }?.hits(trace, size) ?? 0
      for row in PolicyRow.all { #expect(row.hits(trace, size) <= best, "\(row.name) at \(size)") }
    }
  }

  /// What a mean is the mean of, and who has chance in it.
  @Test func meansOverSeeds() throws {
    var state: UInt64 = 7
    let keys = (0..<8000).map { step -> UInt64 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return step % 3 == 0 ? UInt64(step) + 1_000_000 : UInt64((state >> 33) % ((state >> 20) % 900 + 1))
    }
    let trace = Trace(name: "made", raw: keys)
    for row in PolicyRow.all {
      let hits = (3..<7 as Range<UInt64>).map { row.hits(trace, 100, seed: $0) }
      #expect(row.meanHits(trace, 100, draws: SeedRange(first: 3, count: 4)) == Double(hits.reduce(0, +)) / 4)
      #expect(row.isSeeded == (Set(hits).count > 1), "\(row.name): \(hits)")
    }
  }

  @Test func namesMayBeAnything() throws {
    let table = SimulationTable(trace: Trace(name: "a\"<b>\\&", raw: [1, 2, 1]), sizes: [1, 2]) { _, _ in }
    for line in table.json.split(separator: "\n") {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(object["trace"] as? String == "a\"<b>\\&" && object["accesses"] as? Int == 3)
    }
    #expect(table.svg.contains("a\"&lt;b&gt;\\&amp;:"))
    #expect(table.text.contains("#"))
  }

  /// One size is no line, but a point; and names of sizes are not written over each other.
  @Test func drawingsOfFewAndOfManySizes() {
    let trace = Trace(name: "t", raw: (0..<3000).map { UInt64($0 % 1500) })
    let one = SimulationTable(trace: trace, sizes: [40]) { _, _ in }
    #expect(one.svg.components(separatedBy: "<circle").count == PolicyRow.all.count + 1)
    let many = SimulationTable(trace: trace, sizes: Array(1000...1020)) { _, _ in }
    let places = many.svg.split(separator: "\n").filter {
      $0.hasPrefix("<text") && $0.contains(">10") && !$0.contains(">100<")
    }
    .compactMap { line in Double(line.split(separator: "\"")[1]) }
    #expect(places.count > 1 && zip(places, places.dropFirst()).allSatisfy { $1 - $0 >= 40 }, "\(places)")
  }

  private func run(_ arguments: [String]) throws -> Command.Result {
    try Command.run(TestProgram.built("cache-simulator"), arguments, timeout: 60)
  }

  @Test func theCommandPrintsJSONDrawsAndNamesMistakes() throws {
    let directory = try makeTemporaryFolder("simulator")
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let trace = directory + "/some.trace"
    try "1\n2\nnonsense\n1\n3\n1\n".write(toFile: trace, atomically: true, encoding: .utf8)
    let good = try run(["--json", "--summary", "--sizes", "1,100%", "--svg", directory + "/curve.svg", trace])
    #expect(good.status == 0 && good.errors.contains("1 lines are not of the format 'lirs'"), "\(good.errors)")
    #expect(good.output.split(separator: "\n").count == 2, "nothing but JSON: \(good.output)")
    #expect(good.errors.contains("mean of 2 pairs"))
    #expect(try String(contentsOfFile: directory + "/curve.svg", encoding: .utf8).hasPrefix("<svg"))
    let drawn = try run(["--json", "--sizes", "2", "--seed", "5", "--seeds", "3", trace])
    #expect(drawn.status == 0 && drawn.output.contains("\"seed\":5,\"draws\":3"), "\(drawn.output)")
    #expect(try run(["--help"]).output.contains("example:"))
    let packed = directory + "/packed.gz"
    try Data([0x1F, 0x8B, 8, 0, 1, 2, 3]).write(to: URL(fileURLWithPath: packed))
    let bad: [(arguments: [String], status: Int32, text: String)] = [
      ([], 64, "no trace given"), (["--sizes", ",", trace], 64, "--sizes"), (["--sizes", "-3", trace], 64, "'-3'"),
      (["--sizes", "0%", trace], 64, "'0%'"), (["--nonsense"], 64, "--nonsense"),
      (["--seed", "-1", trace], 64, "--seed"), (["--seeds", "0", trace], 64, "--seeds"), (["--seeds"], 64, "--seeds"),
      (["--format", "tar", trace], 64, "'tar'"),
      ([directory + "/missing"], 66, "missing"), ([directory], 66, "cannot read"), ([packed], 66, "gzip ended with"),
      (["--format", "arc", trace], 66, "no accesses"), (["--svg", "/nonexistent/x.svg", trace], 70, "cannot write"),
    ]
    for (arguments, status, text) in bad {
      let result = try run(arguments)
      #expect(
        result.status == status && result.errors.contains(text), "\(arguments): \(result.status) \(result.errors)")
    }
  }
}
