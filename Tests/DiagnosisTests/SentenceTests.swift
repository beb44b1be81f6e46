import Foundation
import Testing
import Timeline

@testable import Diagnosis
@testable import HeapGraph

/// The first sentence, for somebody who reads nothing else.
struct SentenceTests {
  private static let mib = 1_048_576.0
  private static let start: Int64 = 1_700_000_000_000

  /// A cycle and a table that grow side by side, by bytes at the first and at the second snapshot.
  private func report(leak: (UInt64, UInt64), table: (UInt64, UInt64), level: Double = 60, rise: Double) -> GrowthReport
  {
    func heap(_ minute: Int64, leak: UInt64, table: UInt64) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [
          .init(type: "Session", kind: "class", count: leak / 100, bytes: leak),
          .init(type: "Place", kind: "class", count: table / 1000, bytes: table),
        ],
        leaks: [
          .init(
            kind: "cycle", title: "Session.onEnd -> Session", confidence: .certain, instances: leak / 100,
            blocks: leak / 100, bytes: leak)
        ])
      facts.holders = [
        .init(
          path: ["places : [Int : Place]"], type: "[Int : Place] storage", count: 1, retained: table, root: .global),
        .init(
          path: ["places : [Int : Place]", "[value]"], type: "Place", count: table / 1000, retained: table - 1,
          root: .global),
      ]
      return facts
    }
    let samples = RuleTests.samples(61) { time, sample in
      sample[.rss] = level * Self.mib + time / 60 * rise
    }
    return Weighing.verdict(
      Evidence(
        lives: [samples], heaps: [heap(0, leak: leak.0, table: table.0), heap(1, leak: leak.1, table: table.1)],
        age: 600))
  }

  /// Mending the leak alone would leave most of the growth.
  @Test func whatGrowsFasterThanTheLeakIsNamedWithIt() {
    let report = report(leak: (30_000_000, 36_000_000), table: (20_000_000, 34_000_000), rise: 20_000_000)
    #expect(report.cause == .leak, "\(report.sentence)")
    #expect(report.sentence.contains("70.0 % of the growth"), "\(report.sentence)")
    #expect(report.sentence.contains("is in the collection places"), "\(report.sentence)")
    let most = self.report(leak: (20_000_000, 34_000_000), table: (20_000_000, 26_000_000), rise: 20_000_000)
    #expect(most.cause == .leak && !most.sentence.contains("is in the collection"), "\(most.sentence)")
  }

  /// A slow leak beside a large steady cache does not show in the level, and is exact all the same.
  @Test func aLeakTooSlowForTheLevelIsToldBesideSteady() {
    let report = report(leak: (1_000_000, 1_500_000), table: (300_000_000, 300_000_000), level: 320, rise: 500_000)
    #expect(report.cause == .steady, "\(report.sentence)")
    #expect(report.sentence.contains("leaked in Session.onEnd -> Session, growing by"), "\(report.sentence)")
    // Who reads one sentence hears of one that does not grow, too; of a trifle not.
    let still = self.report(leak: (1_000_000, 1_000_000), table: (300_000_000, 300_000_000), level: 320, rise: 0)
    #expect(still.sentence.hasPrefix("Steady: "), "\(still.sentence)")
    #expect(still.sentence.contains(", but 976.6 KiB leaked before, in Session.onEnd"), "\(still.sentence)")
    let trifle = self.report(leak: (10_000, 10_000), table: (300_000_000, 300_000_000), level: 320, rise: 0)
    #expect(!trifle.sentence.contains("leaked"), "\(trifle.sentence)")
  }

  /// Beside much that stays, a place that grows by less than 1 % of all is no growth yet; that its floor rises is said, with the place.
  @Test func aPlaceTooSlowForTheLevelIsToldBesideSteady() {
    let report = report(leak: (0, 0), table: (20_000_000, 22_000_000), level: 320, rise: 2_000_000)
    #expect(report.cause == .steady, "\(report.sentence)")
    #expect(
      report.sentence.contains("but its lowest level rose by 1.9 MiB, and places keeps 1.9 MiB more"),
      "\(report.sentence)")
    // What does not show in the level at all may be the moment.
    let flat = self.report(leak: (0, 0), table: (20_000_000, 22_000_000), level: 320, rise: 0)
    #expect(!flat.sentence.contains(", but "), "\(flat.sentence)")
  }

  /// A batch that is filled and emptied: where in it the two snapshots fell is no growth, and nothing waits there.
  @Test func aPlaceWithinTheRhythmIsSaidToBeThat() throws {
    func heap(_ minute: Int64, _ bytes: UInt64) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [.init(type: "Row", kind: "class", count: bytes / 1000, bytes: bytes)])
      facts.holders = [
        .init(path: ["batch : [AnyObject]"], type: "[AnyObject] storage", count: 1, retained: bytes, root: .global),
        .init(
          path: ["batch : [AnyObject]", "[…]"], type: "Row", count: bytes / 1000, retained: bytes - 1, root: .global),
      ]
      return facts
    }
    let samples = RuleTests.samples(61) { time, sample in
      sample[.rss] = (100 + time.truncatingRemainder(dividingBy: 10) * 3) * Self.mib
    }
    let evidence = Evidence(lives: [samples], heaps: [heap(0, 2_000_000), heap(1, 9_000_000)], age: 600)
    let finding = try #require(CollectionRule.findings(evidence).first)
    #expect(finding.confidence == .possible)
    #expect(finding.evidence.contains { $0.contains("has a rhythm of about") }, "\(finding.evidence)")
  }

  /// The variable that holds blocks of C is what a developer finds in the code.
  @Test func nativeGrowthIsCalledByItsVariable() throws {
    func heap(_ minute: Int64, _ bytes: UInt64) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [.init(type: "malloc(712)", kind: "native", count: bytes / 712, bytes: bytes)])
      facts.holders = [
        .init(path: ["registry"], type: "registry", count: 1, retained: bytes, root: .native),
        .init(
          path: ["registry", "untyped block"], type: "untyped block", count: bytes / 712, retained: bytes, root: .native
        ),
      ]
      return facts
    }
    let samples = RuleTests.samples(61) { time, sample in sample[.rss] = (60 + time / 3) * Self.mib }
    let evidence = Evidence(lives: [samples], heaps: [heap(0, 10_000_000), heap(1, 31_000_000)], age: 600)
    let finding = try #require(NativeRule.findings(evidence).first)
    #expect(finding.title == "the variable registry, mostly malloc(712)" && finding.site == "registry")
    #expect(finding.advice.first?.contains("bound what registry keeps") == true)
  }

  /// Handles of a library that know each other hang on none of what has them: as many came as entries did, which says whose they are.
  @Test func memoryOfCIsToldWithTheEntriesThatItCameWith() throws {
    func heap(_ minute: Int64, _ count: UInt64) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [
          .init(type: "malloc(1016)", kind: "native", count: count, bytes: count * 1016),
          .init(type: "malloc(520)", kind: "native", count: count + 3, bytes: (count + 3) * 520),
          .init(type: "Statement", kind: "class", count: count, bytes: count * 200),
        ])
      var cache = HeapFacts.Holder(
        path: ["Database", ".statements"], type: "[String : Statement] storage", count: 1, retained: count * 200)
      cache.owner = "Database.statements"
      cache.container = ContainerSummary(
        kind: .dictionary, keyType: "String", valueType: "Statement", containers: 1, entries: count, slots: count * 2,
        inlineBytes: count * 48, behindBytes: count * 150, emptyBytes: 0)
      // Who works on one of them just now leads to all.
      let held = HeapFacts.Holder(
        path: ["untyped block"], type: "untyped block", count: count * 2, retained: count * 1536,
        heldBy: nil)
      let task = HeapFacts.Holder(
        path: ["untyped block", "task"], type: "task", count: 3 + UInt64(minute) * 40, retained: count * 1400)
      let database = HeapFacts.Holder(path: ["Database"], type: "Database", count: 1, retained: count * 200)
      facts.holders = [held, task, database, cache]
      return facts
    }
    let samples = RuleTests.samples(61) { time, sample in sample[.rss] = (60 + time / 3) * Self.mib }
    let evidence = Evidence(lives: [samples], heaps: [heap(0, 1000), heap(1, 21_000)], age: 600)
    let finding = try #require(NativeRule.findings(evidence).first)
    #expect(finding.title == "malloc(1016), with entries of Database.statements", "\(finding)")
    #expect(finding.advice == ["do what is said of Database.statements: each entry that goes takes its part with it"])
    #expect(CollectionRule.findings(evidence).map(\.title) == ["Database.statements"])
  }
}
