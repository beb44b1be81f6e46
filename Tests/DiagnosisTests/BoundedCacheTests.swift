import Testing
import Timeline

@testable import Diagnosis
@testable import HeapGraph

/// Caches that have a bound and say so: they fill up, which is no growth, and room made in them is filled again.
struct BoundedCacheTests {
  static func heap(_ minute: Int64, entries: UInt64, unit: LocalCacheSummary.Unit = .bytes) -> HeapFacts {
    let each: UInt64 = 26_720
    var facts = HeapFacts(
      time: 1_700_000_000_000 + minute * 60_000,
      census: [
        .init(
          type: "_DictionaryStorage<String, Offer>", kind: "dictionaryStorage", count: entries, bytes: entries * each)
      ])
    let root = "static Offers.cache : LocalCache<Int64, [String : Offer]>"
    let path = [root, "LocalCache<Int64, [String : Offer]>"]
    let container = ContainerSummary(
      kind: .localCache, containers: 1, entries: entries, slots: entries, inlineBytes: 400,
      behindBytes: entries * each, emptyBytes: 0)
    func place(_ path: [String], _ type: String, _ count: UInt64 = 1, _ container: ContainerSummary? = nil)
      -> HeapFacts.Holder
    { .init(path: path, type: type, count: count, retained: entries * each, container: container, root: .global) }
    facts.holders = [
      place([root], root), place(path, path[1], 1, container), place(path + [".shards"], "LocalCache shards"),
      place(path + [".shards", "[String : Offer] storage"], "[String : Offer] storage", entries),
    ]
    facts.caches = [
      LocalCacheSummary(
        name: "offers", unit: unit, limit: unit == .bytes ? 64 << 20 : 3_000, entries: entries, hits: 10,
        misses: 20_000, insertions: 20_000, evictions: 0, expired: 0, address: "0x1000")
    ]
    facts.waste = WasteReport(
      reachableBytes: entries * each + (2 << 20),
      duplicates: [
        .init(type: "[String : Offer] storage", blocks: Int(entries), distinct: 28, savedBytes: (entries - 28) * each)
      ], duplicateBytes: (entries - 28) * each,
      spare: [
        .init(
          type: "[String : Offer] storage", containers: Int(entries), entries: entries * 50, slots: entries * 128,
          emptyBytes: entries * 16_000)
      ], spareBytes: entries * 16_000, pinned: [], pinnedBytes: 0)
    return facts
  }

  private static let rising = RuleTests.samples { time, sample in sample[.rss] = (60 + time * 0.8) * RuleTests.mib }
  private static let flat = RuleTests.samples { _, _ in }

  static let filling = Evidence(lives: [rising], heaps: [heap(0, entries: 400), heap(1, entries: 2_200)])

  @Test func fillingIsAWarmUp() throws {
    let report = Weighing.verdict(Self.filling)
    let first = try #require(report.findings.first)
    #expect(first.cause == .warmUp && report.cause.isHealthy, "\(report.sentence)")
    #expect(first.growth == 1_800 * 26_720 && first.evidence.contains { $0.contains("offers") })
    #expect(!report.findings.contains { $0.cause == .collection })
    #expect(report.sentence.contains("warm-up, no leak"), "\(report.sentence)")
  }

  /// A thread works in the cache at the second look: its shards are held by two and stand alone.
  @Test func shardsThatAThreadHoldsAsWell() {
    var last = Self.heap(1, entries: 2_200)
    last.holders = last.holders?.filter { $0.path.count > 2 }.map { place in
      var place = place
      place.path = ["LocalCache shards"] + place.path.dropFirst(3)
      place.root = nil
      return place
    }
    let report = Weighing.verdict(Evidence(lives: [Self.rising], heaps: [Self.heap(0, entries: 400), last]))
    #expect(report.cause == .warmUp, "\(report.sentence)")
  }

  /// The same without the cache's own description is a collection without a bound.
  @Test func withoutADescriptionItIsGrowth() {
    let heaps = [Self.heap(0, entries: 400), Self.heap(1, entries: 2_200)].map { heap in
      var heap = heap
      heap.caches = nil
      return heap
    }
    #expect(Weighing.verdict(Evidence(lives: [Self.rising], heaps: heaps)).cause == .collection)
  }

  @Test(arguments: [(LocalCacheSummary.Unit.bytes, Cause.steady), (.entries, .duplicates)])
  func copiesCountWhereMemoryWouldFall(unit: LocalCacheSummary.Unit, cause: Cause) throws {
    let heaps = [0, 1].map { Self.heap($0, entries: 2_400, unit: unit) }
    let report = Weighing.verdict(Evidence(lives: [Self.flat], heaps: heaps))
    #expect(report.cause == cause, "\(report.sentence)")
    let copies = try #require(report.findings.first { $0.cause == .duplicates })
    #expect(copies.evidence.contains { $0.contains("makes room for more entries") } == (unit == .bytes))
  }

  /// Copies outside the cache are still copies.
  @Test func copiesElsewhereCount() {
    var heap = Self.heap(1, entries: 400)
    heap.waste?.duplicates.insert(
      .init(type: "String", blocks: 60_000, distinct: 12, savedBytes: 40 << 20), at: 0)
    heap.waste?.duplicateBytes += 40 << 20
    heap.waste?.reachableBytes += 44 << 20
    let report = Weighing.verdict(Evidence(lives: [Self.flat], heaps: [Self.heap(0, entries: 400), heap]))
    #expect(report.cause == .duplicates && report.findings.first?.holds ?? 0 >= 40 << 20, "\(report.sentence)")
    #expect(report.findings.first?.holds ?? .max < 42 << 20)
  }
}
