import Foundation
import ProcessImage
import TestSupport
import Testing
import Timeline

@testable import Diagnosis
@testable import HeapGraph

/// First sentences that said too much, or the wrong thing.
struct VerdictTests {
  private static let mib = 1_048_576.0
  private static let start: Int64 = 1_700_000_000_000

  // MARK: - Undecided

  /// Six lowest levels that rise, on a curve: told as what was found, and not as steady.
  @Test func levelsThatRoseAreToldAsRisen() throws {
    let report = Weighing.verdict(RuleFixtures.undecided)
    #expect(report.trend.pattern == .undecided)
    #expect(report.cause == .unexplained, "\(report.findings)")
    #expect(
      report.sentence.hasPrefix("Undecided whether memory goes on growing: its lowest levels rose from 359.0 MiB"),
      "\(report.sentence)")
    #expect(report.sentence.contains("up in 5 of 5 steps"), "\(report.sentence)")
    let limited = Weighing.verdict(Evidence(lives: RuleFixtures.undecided.lives, limit: 1e9))
    #expect(limited.sentence.contains("; if it goes on, the limit of 953.7 MiB is reached in"), "\(limited.sentence)")
  }

  @Test func tooFewSamplesAreUndecidedAndSayWhatWasSeen() {
    let few = Evidence(lives: [RuleTests.samples(3) { time, sample in sample[.rss] = (100 + time) * Self.mib }])
    let report = Weighing.verdict(few)
    #expect(
      report.sentence.hasPrefix("Undecided whether memory grows: too little was seen, 100.0 MiB -> 102.0 MiB"),
      "\(report.sentence)")
    #expect(Weighing.verdict(Evidence(lives: [])).sentence.hasPrefix("Nothing can be said yet"))
  }

  // MARK: - At the limit

  private func atLimit(swap: Double, usage: Double = 64, cache: Double = 4) -> Evidence {
    Evidence(
      lives: [
        RuleTests.samples(40, step: 125) { time, sample in
          sample[.rss] = 60 * Self.mib
          RuleTests.group(&sample)
          sample[.groupAnonymous] = (usage - cache) * Self.mib
          sample[.groupLimit] = 64 * Self.mib
          sample[.groupUsage] = usage * Self.mib
          sample[.groupSwap] = swap * (1 + time / 400) * Self.mib
        }
      ])
  }

  /// At its limit a process that swaps is held up there: its level says little of what it needs.
  @Test func aGroupThatSwapsAtItsLimitIsSaidInTheFirstSentence() {
    let report = Weighing.verdict(atLimit(swap: 100))
    #expect(
      report.sentence.contains("but its control group is at its limit of 64.0 MiB and swaps (109.7 MiB are in swap"),
      "\(report.sentence)")
    // Page cache fills whatever room there is.
    for quiet in [atLimit(swap: 0), atLimit(swap: 0.1), atLimit(swap: 100, usage: 40), atLimit(swap: 9, cache: 50)] {
      #expect(!Weighing.verdict(quiet).sentence.contains("swaps"))
    }
  }

  // MARK: - More or bigger

  private func place(_ before: ContainerSummary, _ after: ContainerSummary, growth: Int64) -> GrowingPlace {
    var place = GrowingPlace(path: ["prices : [Price]"], types: ["prices : [Price]"], growth: growth, retained: 1 << 26)
    (place.before, place.after) = (before, after)
    place.rootKind = .global
    return place
  }

  private func array(_ entries: UInt64, slots: UInt64, each: UInt64 = 8, type: String = "Int") -> ContainerSummary {
    ContainerSummary(
      kind: .array, keyType: nil, valueType: type, containers: 1, entries: entries, slots: slots,
      inlineBytes: slots * each, behindBytes: 0, emptyBytes: (slots - entries) * each)
  }

  /// Storage that doubles makes no entry bigger.
  @Test func storageThatDoubledIsNoBiggerEntries() throws {
    let doubled = CollectionWords(
      place(array(4_190_000, slots: 4_194_304), array(4_200_000, slots: 8_388_608), growth: 33 << 20), work: nil)
    let line = try #require(doubled.lines.first)
    #expect(line == "4,190,000 -> 4,200,000 elements, 8 B -> 8 B each: room for more of them, not bigger ones")
    let both = CollectionWords(
      place(array(1_000_000, slots: 1_048_576), array(1_500_000, slots: 2_097_152), growth: 8 << 20), work: nil)
    #expect(both.lines.first?.hasSuffix("% of it more entries, the rest empty room") == true, "\(both.lines)")
    let bigger = CollectionWords(
      place(array(1000, slots: 1000, each: 100), array(1000, slots: 1000, each: 300), growth: 200_000), work: nil)
    #expect(bigger.lines.first?.hasSuffix("bigger entries, not more of them") == true, "\(bigger.lines)")
  }

  // MARK: - Work that waits, and those who are to be called

  @Test(arguments: [
    (first: (1, 5), last: (2, 6), isBacklog: true), ((1, 5), (1, 6), false), ((1, 5), (2, 5), false),
  ])
  func aQueueIsToldFromAListOfHandlers(_ first: (UInt64, UInt64), _ last: (UInt64, UInt64), isBacklog: Bool) throws {
    var before = array(1000, slots: 1024, each: 16, type: "() -> ()")
    var after = array(9000, slots: 16384, each: 16, type: "() -> ()")
    before.ends = .init(first: first.0, last: first.1)
    after.ends = .init(first: last.0, last: last.1)
    let growth = try #require(HeapGrowth([HeapFacts(time: 0), HeapFacts(time: 60_000)]))
    let pattern = try #require(CollectionPattern.find(place(before, after, growth: 1 << 20), growth))
    #expect(pattern.evidence.contains("taken out") == isBacklog, "\(pattern.evidence)")
    #expect(pattern.advice.contains("token") == !isBacklog, "\(pattern.advice)")
  }

  /// Foundation's cache bounds nothing unless it is told to.
  @Test func aCacheOfFoundationWithoutALimitIsSaid() throws {
    let growth = try #require(HeapGrowth([HeapFacts(time: 0), HeapFacts(time: 60_000)]))
    let cache = "Foundation.NSCache<Foundation.NSString, Foundation.NSData>"
    var place = GrowingPlace(
      path: ["Store.shared", cache, "._entries[value]"], types: ["Store", cache], growth: 1 << 20, retained: 1 << 22)
    place.owner = cache + "._entries[value]"
    (place.content, place.contentGrowth) = ("Foundation.NSData", 900)
    let pattern = try #require(CollectionPattern.find(place, growth))
    #expect(pattern.advice.hasPrefix("set `countLimit`") && pattern.count == 900, "\(pattern)")
    place.owner = "Store.pages"
    place.after = array(900, slots: 1024)
    #expect(CollectionPattern.unboundedCache(place) == nil)
  }

  // MARK: - Clients

  /// A table of the program's own with something of the library's in it is not the library's.
  @Test(arguments: [
    ("Directory.answers", "AsyncHTTPClient.HTTPClientResponse", false),
    ("Directory.clients", "AsyncHTTPClient.HTTPClient", true),
    ("AsyncHTTPClient.HTTPConnectionPool.connections", "Connection", true),
    ("closure context (AsyncHTTPClient.HTTPConnectionPool, Int).capture 0", "Connection", true),
    ("closure context (Directory, AsyncHTTPClient.HTTPClient).capture 0", "Connection", false),
  ]) func clientsAreNotBlamedForOthers(_ owner: String, _ element: String, isTheirs: Bool) throws {
    let row = HeapFacts.Row(type: "AsyncHTTPClient.HTTPClient", kind: "class", count: 40, bytes: 4000)
    let growth = try #require(HeapGrowth([HeapFacts(time: 0), HeapFacts(time: 60_000, census: [row])]))
    var place = place(array(10, slots: 16), array(9000, slots: 16384, type: element), growth: 1 << 20)
    place.owner = owner
    place.types = ["Directory", "AsyncHTTPClient.Loop", "[\(element)] storage"]
    #expect((CollectionPattern.clients(place, growth) != nil) == isTheirs)
  }

  // MARK: - Fillings

  private func filling(_ levels: [Double]) -> Evidence {
    let heaps = levels.enumerated().map { index, level in
      let bytes = UInt64(level * Self.mib)
      var facts = HeapFacts(
        time: Self.start + Int64(index) * 60_000,
        census: [.init(type: "Page", kind: "class", count: bytes / 1000, bytes: bytes)])
      facts.holders = [
        .init(path: ["pages : [Int : Page]"], type: "[Int : Page] storage", count: 1, retained: bytes, root: .global),
        .init(
          path: ["pages : [Int : Page]", "[value]"], type: "Page", count: bytes / 1000, retained: bytes - 1,
          root: .global),
      ]
      return facts
    }
    let samples = RuleTests.samples(60 * (levels.count - 1)) { time, sample in
      sample[.rss] = (60 + time / 60 * 10) * Self.mib
    }
    return Evidence(lives: [samples], heaps: heaps, age: 3600)
  }

  /// Several snapshots tell what slows down from what goes on.
  @Test func aPlaceThatSlowsDownIsOnlyPossible() throws {
    let slow = filling([1, 33, 49, 57, 61])
    let found = try #require(CollectionRule.findings(slow).first)
    #expect(found.confidence == .possible && found.evidence.contains { $0.hasPrefix("it slows down") }, "\(found)")
    let report = Weighing.verdict(slow)
    #expect(report.sentence.contains("slower and slower: it may be filling up"), "\(report.sentence)")
    let even = try #require(CollectionRule.findings(filling([1, 16, 31, 46, 61])).first)
    #expect(even.confidence == .certain && even.evidence.contains { $0.hasPrefix("it does not slow down") }, "\(even)")
    #expect(Pace([(0, 5), (10, 4), (20, 9)]) == nil && Pace([(0, 1), (9, 2)]) == nil)
  }

  // MARK: - Programs that know their own heap

  /// Growth is of what takes memory: of 192 buffers of 4 MiB 60,000 bytes each were written.
  @Test func roomThatNobodyWroteDoesNotCount() throws {
    let report: GrowthReport
    do { report = try CorpusTests.watch("roomy") } catch let error as FreezeError {
      print("skipped: this machine does not let a test freeze its own child: \(error)")
      return
    }
    let written = Double(CorpusTests.turns) * 4 * 60_000
    let found = try #require(report.findings.first { $0.cause == .collection }, "\(report.sentence)")
    let growth = Double(found.growth ?? 0)
    #expect(growth > 0.9 * written && growth < 1.3 * written, "\(growth) of \(written)")
    #expect(found.evidence.contains { $0.contains("that nobody has written yet") }, "\(found.evidence)")
    #expect(report.findings.allSatisfy { $0.cause != .capacity || Double($0.holds) < 2 * written })
  }

  @Test func aBacklogOfClosuresIsNoListOfHandlers() throws {
    let report: GrowthReport
    do { report = try CorpusTests.watch("jobs") } catch let error as FreezeError {
      print("skipped: this machine does not let a test freeze its own child: \(error)")
      return
    }
    let found = try #require(report.findings.first)
    #expect(found.evidence.contains { $0.contains("taken out between the snapshots") }, "\(found.evidence)")
    #expect(found.advice.first?.contains("wait or be refused") == true)
  }

  /// A ring buffer has as many entries as places are in use.
  @Test func emptyPlacesOfARingAreNoEntries() throws {
    let path = try TestProgram.path("causes", CorpusTests.build)
    let program = try SteppedProgram(path, ["ring"])
    let facts: HeapFacts
    do { facts = try CorpusTests.capture(program.pid, time: Self.start) } catch let error as FreezeError {
      print("skipped: this machine does not let a test freeze its own child: \(error)")
      return
    }
    let container = try #require(
      facts.holders?.compactMap(\.container).first { $0.valueType?.contains("Line") == true }, "\(facts.holders ?? [])")
    #expect(container.entries == 3 && container.slots >= 4096, "\(container)")
  }
}
