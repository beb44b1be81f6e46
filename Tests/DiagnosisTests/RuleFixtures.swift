import Foundation
import SwiftMetadata
import Timeline

@testable import Diagnosis
@testable import HeapGraph

/// Evidence with one cause each, for goldens: what a rule says, word for word.
enum RuleFixtures {
  static let mib = 1_048_576.0
  private static let start: Int64 = 1_700_000_000_000

  static func samples(_ count: Int = 60, _ fill: (Double, inout Sample) -> Void) -> [Sample] {
    RuleTests.samples(count, step: 1000, fill)
  }

  /// Resident memory that rises by a MiB a second.
  static let rising = samples { time, sample in sample[.rss] = (100 + time) * mib }
  static let flat = samples { _, _ in }

  private static func heap(
    _ minute: Int64, _ rows: [HeapFacts.Row] = [], leaks: [HeapFacts.Leak] = [], books: ResidentBooks? = nil,
    arenas: [HeapFacts.Arena] = []
  ) -> HeapFacts {
    HeapFacts(time: start + minute * 60_000, arenas: arenas, census: rows, leaks: leaks, books: books)
  }

  private static func row(_ type: String, _ kind: String, _ count: UInt64, _ bytes: Double) -> HeapFacts.Row {
    HeapFacts.Row(type: type, kind: kind, count: count, bytes: UInt64(bytes * mib))
  }

  private static func books(_ rows: [ResidentBooks.Holder: Double], trimmable: Double? = nil) -> ResidentBooks {
    let bytes = rows.mapValues { Int64($0 * mib) }
    return ResidentBooks(
      rows: bytes, resident: UInt64(bytes.values.reduce(0, +)), trimmable: trimmable.map { UInt64($0 * mib) },
      threadTops: trimmable.map { _ in UInt64(8 * mib) }, largestMappings: [UInt64(40 * mib)])
  }

  static let all: [(rule: any Rule.Type, evidence: Evidence)] = [
    (LeakRule.self, leak), (CollectionRule.self, collection), (CacheFillingRule.self, BoundedCacheTests.filling),
    (BuffersRule.self, buffers), (TasksRule.self, tasks),
    (LiveObjectsRule.self, liveObjects), (NativeRule.self, native), (DuplicatesRule.self, duplicates),
    (CapacityRule.self, capacity), (RetentionRule.self, retention), (ThreadsRule.self, threads),
    (DescriptorsRule.self, descriptors), (PageCacheRule.self, pageCache), (SharedMemoryRule.self, sharedMemory),
    (MappingsRule.self, mappings), (KernelRule.self, kernel), (LoadRule.self, load), (WarmUpRule.self, warmUp),
    (UndecidedRule.self, undecided), (SteadyRule.self, steady),
  ]

  static var leak: Evidence {
    func leaks(_ count: UInt64) -> [HeapFacts.Leak] {
      [
        .init(
          kind: "cycle", title: "Session.onClose -> Session", confidence: .certain, instances: count, blocks: count * 4,
          bytes: count * 8000),
        .init(
          kind: "lostTask", title: "Task", waitsIn: "Inventory.fetch(id:)", confidence: .likely, instances: count / 10,
          blocks: count, bytes: count * 800),
      ]
    }
    return Evidence(lives: [rising], heaps: [heap(0, leaks: leaks(1000)), heap(1, leaks: leaks(8000))])
  }

  static var collection: Evidence {
    func heap(_ minute: Int64, _ entries: UInt64) -> HeapFacts {
      var facts = Self.heap(
        minute, [row("_DictionaryStorage<String, Offer>", "dictionaryStorage", entries, Double(entries) * 0.02)])
      facts.work = HeapFacts.Work(name: "http_requests_total", count: Double(minute) * 60 * 52)
      var container = ContainerSummary(
        kind: .dictionary, keyType: "Int64", valueType: "[String : Offer]", containers: 1, entries: entries,
        slots: entries * 3 / 2, inlineBytes: entries * 40, behindBytes: entries * 20_000, emptyBytes: entries * 12)
      container.keys = KeySummary(
        kind: .integers, looked: Int(entries), distinct: Int(entries), lowest: 3, highest: 999_998, averageLength: nil,
        samples: [])
      var inner = ContainerSummary(
        kind: .dictionary, keyType: "String", valueType: "Offer", containers: Int(entries), entries: entries * 50,
        slots: entries * 128, inlineBytes: entries * 20_000, behindBytes: 0, emptyBytes: entries * 12_000)
      inner.values = ValueSummary(
        looked: 1000, repeatedKeys: 50, valueBytes: 192, equalBytes: 176, differingOffsets: [0, 128],
        differingFields: ["id", "limits.used"],
        shapes: [
          .init(kind: .inline, bytesPerContainer: 26_720), .init(kind: .boxed, bytesPerContainer: 14_368),
          .init(kind: .shared, bytesPerContainer: 3_168), .init(kind: .differenceOnly, bytesPerContainer: 832),
        ])
      let root = "static OfferCache.shared : OfferCache"
      let path = [root, "OfferCache", ".offersByUser"]
      facts.holders = [
        .init(path: [root], type: root, count: 1, retained: entries * 20_040, root: .global),
        .init(path: [root, "OfferCache"], type: "OfferCache", count: 1, retained: entries * 20_040, root: .global),
        .init(
          path: path, type: "[Int64 : [String : Offer]] storage", count: 1, retained: entries * 20_040,
          container: container, root: .global, owner: "OfferCache.offersByUser"),
        .init(
          path: path + ["[value]"], type: "[String : Offer] storage", count: entries, retained: entries * 20_000,
          container: inner, root: .global),
      ]
      return facts
    }
    let lives = samples { time, sample in
      sample[.rss] = (100 + time) * mib
      sample[.load] = time * 52
    }
    return Evidence(lives: [lives], heaps: [heap(0, 1000), heap(1, 4000)], limit: 1e9, loadName: "http_requests_total")
  }

  static var buffers: Evidence {
    func heap(_ minute: Int64, _ count: UInt64) -> HeapFacts {
      var facts = Self.heap(minute, [row("Event", "class", count, Double(count) * 0.004)])
      let root = "feed : Feed"
      let path = [root, "Feed", ".source.storage"]
      facts.holders = [
        .init(path: [root], type: root, count: 1, retained: count * 4000, root: .global),
        .init(path: [root, "Feed"], type: "Feed", count: 1, retained: count * 4000, root: .global),
        .init(path: path, type: "AsyncStream<Event>._Storage", count: 1, retained: count * 4000, root: .global),
        .init(path: path + ["Event"], type: "Event", count: count, retained: count * 4000, root: .global),
      ]
      return facts
    }
    return Evidence(lives: [rising], heaps: [heap(0, 500), heap(1, 9000)])
  }

  static var tasks: Evidence {
    func heap(_ minute: Int64, _ count: Int) -> HeapFacts {
      var facts = Self.heap(minute, [row("Task", "task", UInt64(count), Double(count) * 0.001)])
      facts.tasks = [
        .init(
          state: .waitsForContinuation, functions: ["Peer.reply()", "Room.join(_:)"],
          locations: ["Peer.swift:41", ""], isOwn: [true, true], relation: .own, tasks: count, lost: 0, handleOnly: 0,
          cancelled: 0,
          retainedBytes: UInt64(count) * 3000, holds: [], example: "0x1"),
        .init(
          state: .complete, functions: [], locations: [], isOwn: [], relation: .own, tasks: count / 4, lost: 0,
          handleOnly: 0,
          cancelled: 0, retainedBytes: UInt64(count) * 400, holds: [], example: "0x2"),
      ]
      return facts
    }
    return Evidence(lives: [rising], heaps: [heap(0, 200), heap(1, 5000)])
  }

  static var liveObjects: Evidence {
    let heaps = [heap(0, [row("Node", "class", 1000, 1)]), heap(1, [row("Node", "class", 40_000, 41)])]
    return Evidence(
      lives: [rising],
      heaps: heaps.map { heap in
        var heap = heap
        heap.holders = []
        return heap
      })
  }

  static var native: Evidence {
    Evidence(
      lives: [rising],
      heaps: [
        heap(0, [row("malloc(272)", "unknown", 1000, 0.3)]), heap(1, [row("malloc(272)", "unknown", 90_000, 24)]),
      ])
  }

  static var duplicates: Evidence {
    var last = heap(1)
    last.waste = WasteReport(
      reachableBytes: 80 << 20,
      duplicates: [DuplicateGroup(type: "String", blocks: 60_000, distinct: 12, savedBytes: 50 << 20)],
      duplicateBytes: 50 << 20, spare: [], spareBytes: 0, pinned: [], pinnedBytes: 0)
    return Evidence(lives: [flat], heaps: [heap(0), last])
  }

  static var capacity: Evidence {
    var last = heap(1)
    last.waste = WasteReport(
      reachableBytes: 80 << 20, duplicates: [], duplicateBytes: 0,
      spare: [
        SpareRoom(
          type: "[String : Offer] storage", containers: 900, entries: 45_000, slots: 115_200, emptyBytes: 40 << 20)
      ], spareBytes: 40 << 20, pinned: [], pinnedBytes: 0)
    return Evidence(lives: [flat], heaps: [heap(0), last])
  }

  static var retention: Evidence {
    let arenas = (0..<9).map {
      HeapFacts.Arena(isMain: $0 == 0, system: 12 << 20, live: 1 << 18, free: 10 << 20, top: 1 << 20)
    }
    let all = books([.swiftObjects: 4, .allocatorFree: 90, .files: 16], trimmable: 78)
    return Evidence(lives: [flat], heaps: [heap(0, books: all, arenas: arenas), heap(1, books: all, arenas: arenas)])
  }

  static var threads: Evidence {
    Evidence(
      lives: [samples { time, sample in sample[.threads] = 8 + (time / 2).rounded(.down) }],
      heaps: [heap(0, books: books([.stacks: 1])), heap(1, books: books([.stacks: 2]))])
  }

  static var descriptors: Evidence {
    Evidence(lives: [
      samples { time, sample in
        sample[.descriptors] = 20 + time * 2
        sample[.sockets] = 10 + time * 2
        sample[.tcpCloseWait] = time * 2
      }
    ])
  }

  static var pageCache: Evidence {
    Evidence(lives: [
      samples { time, sample in
        RuleTests.group(&sample, file: (10 + time) * mib)
        sample[.ioWritten] = time * mib
        sample[.groupInactiveFile] = (5 + time) * mib
      }
    ])
  }

  static var sharedMemory: Evidence {
    Evidence(lives: [samples { time, sample in sample[.shared] = (1 + time) * mib }])
  }

  static var mappings: Evidence {
    Evidence(
      lives: [rising],
      heaps: [heap(0, books: books([.mappings: 10])), heap(1, books: books([.mappings: 70, .files: 20]))])
  }

  static var kernel: Evidence {
    Evidence(lives: [samples { time, sample in RuleTests.group(&sample, kernel: (5 + time) * mib) }])
  }

  static var load: Evidence {
    Evidence(
      lives: [
        samples { time, sample in
          let work = [10.0, 25, 60, 40, 80, 20, 5, 50, 30, 70][Int(time) * 7 % 10]
          sample[.rss] = (100 + work) * mib
          sample[.load] = (0...Int(time)).reduce(0) { $0 + [10.0, 25, 60, 40, 80, 20, 5, 50, 30, 70][$1 * 7 % 10] }
        }
      ], loadName: "http_requests_total")
  }

  static var warmUp: Evidence {
    Evidence(lives: [samples { time, sample in sample[.rss] = (100 + 80 * (1 - exp(-time / 8))) * mib }])
  }

  /// A few lowest levels on a curve.
  static var undecided: Evidence {
    Evidence(lives: [samples(18) { time, sample in sample[.rss] = (359 + 132 * time * time / 289) * mib }])
  }

  static var steady: Evidence {
    Evidence(lives: [
      samples { time, sample in sample[.rss] = (100 + time.truncatingRemainder(dividingBy: 10) * 3) * mib }
    ])
  }
}
