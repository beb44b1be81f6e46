import Foundation
import TestSupport
import Testing
import Timeline

@testable import Diagnosis
@testable import HeapGraph

/// A damaged history may hold any numbers: what passes as plausible must not trap, whatever it says.
struct HostileFactsTests {
  private struct Numbers {
    var generator: SeededGenerator
    mutating func size() -> UInt64 {
      // Few are beyond what is plausible, or hardly any set of them would be judged.
      switch Int.random(in: 0..<100, using: &generator) {
      case 0: .max
      case 1...10: 0
      case 11...20: 1
      case 21...40: (1 << 52) - 1
      default: UInt64.random(in: 0..<(1 << 40), using: &generator)
      }
    }
    mutating func count() -> Int {
      switch Int.random(in: 0..<100, using: &generator) {
      case 0: .min
      case 1...20: -1
      case 21...30: 1 << 51
      default: Int.random(in: 0..<100_000, using: &generator)
      }
    }
  }

  private static func facts(_ time: Int64, _ numbers: inout Numbers) -> HeapFacts {
    var facts = HeapFacts(
      time: time, liveBlocks: numbers.size(), liveBytes: numbers.size(),
      arenas: [
        .init(isMain: true, system: numbers.size(), live: numbers.size(), free: numbers.size(), top: numbers.size())
      ],
      census: ["class", "task", "unknown", "sideTable"].map {
        .init(type: "T" + $0, kind: $0, count: numbers.size(), bytes: numbers.size())
      },
      leaks: ["cycle", "lostTask", "native"].map {
        .init(
          kind: $0, title: $0, confidence: .likely, instances: numbers.size(), blocks: numbers.size(),
          bytes: numbers.size())
      })
    var container = ContainerSummary(
      kind: [.array, .dictionary, .set].randomElement(using: &numbers.generator) ?? .array, keyType: "Int",
      valueType: "Substring", containers: numbers.count(), entries: numbers.size(), slots: numbers.size(),
      inlineBytes: numbers.size(), behindBytes: numbers.size(), emptyBytes: numbers.size())
    container.keys = KeySummary(
      kind: .integers, looked: numbers.count(), distinct: numbers.count(), lowest: .min, highest: .max,
      averageLength: numbers.count(), samples: [])
    container.values = ValueSummary(
      looked: numbers.count(), repeatedKeys: numbers.count(), valueBytes: numbers.count(), equalBytes: numbers.count(),
      differingOffsets: [], differingFields: [],
      shapes: [
        .init(kind: .inline, bytesPerContainer: numbers.size()),
        .init(kind: .shared, bytesPerContainer: numbers.size()),
      ])
    facts.holders = [
      .init(path: ["a : A"], type: "A", count: 1, retained: numbers.size(), root: .global),
      .init(path: ["a : A", ".b"], type: "B", count: 1, retained: numbers.size(), container: container, root: .global),
      .init(path: ["a : A", ".b", "[…]"], type: "C", count: numbers.size(), retained: numbers.size(), root: .global),
    ]
    facts.tasks = [
      TaskGroup(
        state: .complete, functions: ["f()"], locations: [], isOwn: [numbers.count() > 0],
        relation: .own,
        tasks: numbers.count(), lost: numbers.count(), handleOnly: numbers.count(), cancelled: 0,
        retainedBytes: numbers.size(), holds: [], example: "0x1")
    ]
    facts.books = ResidentBooks(
      rows: [.allocatorFree: Int64(clamping: numbers.size()), .swiftObjects: Int64(numbers.count())],
      resident: numbers.size(), trimmable: numbers.size(), threadTops: numbers.size())
    facts.waste = WasteReport(
      reachableBytes: numbers.size(),
      duplicates: [
        DuplicateGroup(type: "D", blocks: numbers.count(), distinct: numbers.count(), savedBytes: numbers.size())
      ], duplicateBytes: numbers.size(),
      spare: [
        SpareRoom(
          type: "S", containers: numbers.count(), entries: numbers.size(), slots: numbers.size(),
          emptyBytes: numbers.size())
      ], spareBytes: numbers.size(), pinned: [], pinnedBytes: numbers.size())
    return facts
  }

  @Test func whatIsPlausibleDoesNotTrap() {
    var numbers = Numbers(generator: SeededGenerator(seed: 11))
    var judged = 0
    for _ in 0..<4000 {
      let heaps = [Self.facts(0, &numbers), Self.facts(60_000, &numbers)].filter(\.isPlausible)
      guard heaps.count == 2 else { continue }
      judged += 1
      let report = Weighing.verdict(Evidence(lives: [RuleFixtures.rising], heaps: heaps, limit: 1e9))
      #expect(!report.sentence.isEmpty)
    }
    #expect(judged > 200)
  }
}
