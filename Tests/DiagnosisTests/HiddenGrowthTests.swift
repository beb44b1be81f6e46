import Testing
import Timeline

@testable import Diagnosis
@testable import HeapGraph

/// Growth that another change hides, that hangs on two uneven places, or that headers and pages outside the heap take part in.
struct HiddenGrowthTests {
  private typealias Holder = HeapFacts.Holder
  private static let start: Int64 = 1_700_000_000_000
  private static let mib = Int64(1 << 20)

  /// A store with some collections of so many entries of 1,000 bytes.
  private static func heap(
    _ minute: Int64, _ fields: [String: UInt64], books: [ResidentBooks.Holder: Int64] = [:]
  ) -> HeapFacts {
    let whole = fields.values.reduce(0, +) * 1000
    let rows: [ResidentBooks.Holder: Int64] = books.isEmpty ? [.swiftObjects: Int64(whole), .files: 20 * mib] : books
    var facts = HeapFacts(
      time: start + minute * 60_000,
      census: [.init(type: "Page", kind: "class", count: whole / 1000, bytes: whole)],
      books: ResidentBooks(rows: rows, resident: UInt64(rows.values.reduce(0, +))))
    facts.holders = [
      Holder(path: ["Store.shared : Store"], type: "Store", count: 1, retained: whole, root: .global)
    ]
    for (name, entries) in fields.sorted(by: { $0.key < $1.key }) {
      facts.holders?.append(
        Holder(
          path: ["Store.shared : Store", ".\(name)"], type: "[Int : Page] storage", count: 1, retained: entries * 1000,
          root: .global, owner: "Store.\(name)"))
    }
    return facts
  }

  private static func report(
    _ first: HeapFacts, _ last: HeapFacts, more: Double, _ fill: (Double, inout Sample) -> Void = { _, _ in }
  ) -> GrowthReport {
    let samples = RuleTests.samples(61) { time, sample in
      sample[.rss] = 60 * Double(mib) + time / 60 * more
      fill(time, &sample)
    }
    return Weighing.verdict(Evidence(lives: [samples], heaps: [first, last], age: 600))
  }

  @Test func aPlaceThatGrowsWhileAnotherShrinksIsToldWithItsOwnNumber() throws {
    let report = Self.report(
      Self.heap(0, ["old": 60_000, "new": 2_000]), Self.heap(1, ["old": 20_000, "new": 42_000]), more: 0)
    #expect(report.cause == .steady)
    #expect(report.sentence.contains("Store.shared.new keeps 38.1 MiB more while Store.shared.old keeps 38.1 MiB less"))
    let found = try #require(report.findings.first { $0.cause == .collection })
    #expect(found.growth == 40_000_000 && found.title == "Store.shared.new")
    #expect(found.evidence.contains { $0.contains("Store.shared.old keeps 38.1 MiB less") })
    #expect(report.account?.contains { $0.title.hasPrefix("Store.shared.old") && $0.bytes == -40_000_000 } == true)
    #expect(report.account?.reduce(0) { $0 + $1.bytes } == 0)
  }

  @Test func whatShrinksByLessThanTheOtherGrowsHidesNothingOfIt() throws {
    let report = Self.report(
      Self.heap(0, ["old": 60_000, "new": 2_000]), Self.heap(1, ["old": 40_000, "new": 42_000]), more: 20_000_000)
    #expect(report.cause == .collection && report.findings.first?.growth == 40_000_000, "\(report.sentence)")
    #expect(report.findings.allSatisfy { $0.cause != .liveObjects && $0.cause != .unexplained })
    #expect(report.account?.reduce(0) { $0 + $1.bytes } == 20_000_000)
  }

  /// A queue of tasks that was worked off: their frames were never among the live objects, and reveal no growth of these.
  @Test func aQueueOfTasksThatBecameEmptyHidesNothing() throws {
    func heap(_ minute: Int64, _ tasks: UInt64) -> HeapFacts {
      var facts = Self.heap(minute, ["jobs": tasks])
      facts.census = [.init(type: "Task", kind: "task", count: tasks, bytes: tasks * 1000)]
      return facts
    }
    let growth = try #require(HeapGrowth([heap(0, 5000), heap(1, 10)]))
    #expect(growth.swiftRest == 0 && growth.nativeRest == 0 && growth.shrunkPlaces.count == 1)
  }

  /// A cache of libdispatch's that ends at so many a thread is no collection of the program's.
  @Test func continuationsKeptForReuseAreAWarmUp() throws {
    func heap(_ minute: Int64, _ count: UInt64) -> HeapFacts {
      let root = "libdispatch's continuations kept for reuse"
      let type = TypedHeap.spareContinuationName
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [.init(type: type, kind: "native", count: count, bytes: count * 72)])
      facts.holders = [
        Holder(path: [root], type: root, count: 1, retained: count * 72, root: .runtime),
        Holder(path: [root, type], type: type, count: count, retained: count * 72, root: .runtime),
      ]
      return facts
    }
    let report = Self.report(heap(0, 1000), heap(1, 13_000), more: 864_000)
    #expect(report.findings.allSatisfy { $0.cause != .collection && $0.cause != .nativeGrowth })
    let found = try #require(report.findings.first { $0.cause == .warmUp })
    #expect(found.growth == 864_000 && found.evidence.first?.hasPrefix("12,000 more continuations") == true)
  }

  @Test func theSmallerOfTwoGrowingPlacesIsNamedToo() {
    let report = Self.report(
      Self.heap(0, ["sessions": 1000, "log": 1000]), Self.heap(1, ["sessions": 39_000, "log": 13_000]),
      more: 50_000_000)
    #expect(report.findings.map(\.title) == ["Store.shared.sessions", "Store.shared.log"])
    #expect(report.findings.first?.share.map { abs($0 - 0.76) < 0.01 } == true)
  }

  /// Small blocks: a sixth of what comes is headers, and has no other cause than the blocks.
  @Test func headersOfBlocksAreNotUnexplained() {
    let report = Self.report(
      Self.heap(0, ["list": 1000], books: [.swiftObjects: 1_000_000, .files: 20 * Self.mib]),
      Self.heap(
        1, ["list": 31_000], books: [.swiftObjects: 31_000_000, .allocatorOverhead: 6_000_000, .files: 20 * Self.mib]),
      more: 36_000_000)
    #expect(report.findings.map(\.cause) == [.collection], "\(report.findings.map(\.title))")
    #expect(report.findings.first?.share == 1)
  }

  @Test func growthIntoFreeMemoryOfTheAllocatorSaysSo() throws {
    let report = Self.report(
      Self.heap(0, ["new": 2_000], books: [.swiftObjects: 2_000_000, .allocatorFree: 100_000_000]),
      Self.heap(1, ["new": 42_000], books: [.swiftObjects: 42_000_000, .allocatorFree: 60_000_000]), more: 0)
    let found = try #require(report.findings.first { $0.cause == .collection })
    #expect(found.evidence.contains { $0.contains("went into free memory") && $0.contains("57.2 MiB are used up") })
  }

  @Test(arguments: [(ResidentBooks.Holder.moduleData, "variables"), (.stacks, "stacks")])
  func whatGrowsInModulesAndStacksHasACause(_ holder: ResidentBooks.Holder, _ name: String) {
    let report = Self.report(
      Self.heap(0, [:], books: [holder: Self.mib, .files: 20 * Self.mib]),
      Self.heap(1, [:], books: [holder: 101 * Self.mib, .files: 20 * Self.mib]), more: 100 * Double(Self.mib))
    #expect(report.cause == .mappings && report.findings.first?.title.contains(name) == true, "\(report.sentence)")
    #expect(report.findings.first?.growth == 100 * Self.mib)
  }

  /// glibc keeps the stack of a thread that has ended for the one who joins it: that is no recursion.
  @Test func stacksOfThreadsThatNobodyJoinsAreTold() {
    func heap(_ minute: Int64, _ unjoined: UInt64?) -> HeapFacts {
      var facts = Self.heap(minute, [:], books: [.stacks: Self.mib * (1 + 9 * minute), .files: 20 * Self.mib])
      facts.unjoinedThreads = unjoined
      return facts
    }
    func title(_ before: UInt64?, _ now: UInt64?) -> String? {
      Self.report(heap(0, before), heap(1, now), more: 9 * Double(Self.mib)).findings.first?.title
    }
    #expect(title(20, 500) == "stacks of 500 threads that have ended and were never joined")
    #expect(title(500, 500) == "stacks of threads" && title(nil, nil) == "stacks of threads")
  }

  /// Mapped pages of files are page cache and resident memory at once: they count once.
  @Test func mappedFilesAreNoPageCacheBesides() {
    let report = Self.report(
      Self.heap(0, [:], books: [.files: 20 * Self.mib]), Self.heap(1, [:], books: [.files: 120 * Self.mib]),
      more: 100 * Double(Self.mib)
    ) { time, sample in
      RuleTests.group(&sample, file: (20 + time / 60 * 100) * RuleTests.mib)
      sample[.file] = (20 + time / 60 * 100) * RuleTests.mib
    }
    #expect(report.findings.map(\.cause) == [.mappings], "\(report.findings.map(\.title))")
    #expect(report.findings.first?.share == 1)
  }

  /// In a group of many, tmpfs is put to the process that wrote as much.
  @Test func filesInTmpfsBelongToWhoWroteThem() {
    func report(written: Double) -> GrowthReport {
      Self.report(Self.heap(0, [:]), Self.heap(1, [:]), more: 0) { time, sample in
        RuleTests.group(&sample, file: 10 * RuleTests.mib + time * RuleTests.mib, shared: time * RuleTests.mib)
        sample[.groupAnonymous] = 4000 * RuleTests.mib
        sample[.ioWritten] = time * written * RuleTests.mib
      }
    }
    let ours = report(written: 1)
    #expect(ours.findings.map(\.cause).contains(.sharedMemory))
    // The process is steady, its group is not.
    #expect(ours.sentence.hasPrefix("Steady: "), "\(ours.sentence)")
    #expect(ours.sentence.contains(", but possibly files in tmpfs grow by 3.5 GiB/h"), "\(ours.sentence)")
    let others = report(written: 0.1)
    #expect(!others.findings.map(\.cause).contains(.sharedMemory) && !others.sentence.contains("tmpfs"))
  }

  /// A leak that is listed among the causes is none that the first sentence may deny, however small.
  @Test(arguments: [
    (UInt64(0), "No leak, but probably growth"), (50_000, "Hardly any leak (48.8 KiB), but probably growth"),
  ])
  func aSmallLeakIsNotDenied(bytes: UInt64, start: String) {
    func heap(_ minute: Int64, _ entries: UInt64) -> HeapFacts {
      HeapFacts(
        time: Self.start + minute * 60_000,
        census: [.init(type: "Entry", kind: "class", count: entries / 100, bytes: entries)],
        leaks: bytes == 0
          ? []
          : [.init(kind: "cycle", title: "A.me -> A", confidence: .certain, instances: 9, blocks: 9, bytes: bytes)])
    }
    let report = Self.report(heap(0, 1 << 20), heap(1, 9 << 20), more: 8 * Double(Self.mib))
    #expect(report.sentence.hasPrefix(start), "\(report.sentence)")
  }

  /// What a suppressions file accepts is no leak in the answer, but its growth has a name.
  @Test func acceptedLeaksAreNoLeak() throws {
    func heap(_ minute: Int64, _ bytes: UInt64) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [.init(type: "Registry", kind: "class", count: bytes / 100, bytes: bytes)],
        leaks: [
          .init(
            kind: "cycle", title: "Registry.me -> Registry", confidence: .certain, instances: 9, blocks: 9, bytes: bytes
          )
        ])
      facts.accept { $0.title.hasPrefix("Registry") }
      return facts
    }
    let report = Self.report(heap(0, 1 << 20), heap(1, 9 << 20), more: 8 * Double(Self.mib))
    #expect(report.sentence.hasPrefix("No leak, but growth of 480.0 MiB/h"), "\(report.sentence)")
    #expect(report.findings.first?.title == "leaks that are suppressed")
    #expect(!report.findings.contains { $0.cause == .leak })
    #expect(report.findings.reduce(0) { $0 + ($1.growth ?? 0) } == 8 * Self.mib)
  }

  @Test func leaksBeyondTheFirstAreCountedTogether() throws {
    func heap(_ minute: Int64, _ bytes: UInt64) -> HeapFacts {
      HeapFacts(
        time: Self.start + minute * 60_000,
        leaks: (1...8).map {
          .init(
            kind: "cycle", title: "B\($0).me -> B\($0)", confidence: .certain, instances: 9, blocks: 9, bytes: bytes)
        })
    }
    let report = Self.report(heap(0, 1 << 20), heap(1, 2 << 20), more: 8 * Double(Self.mib))
    #expect(report.findings.reduce(0) { $0 + ($1.growth ?? 0) } == 8 * Self.mib)
    #expect(report.findings.last?.title == "3 more kinds of leak")
    #expect(report.sentence.hasPrefix("Leak: 16.0 MiB, 2.0 MiB of it in B1.me -> B1; all of it grows by 480.0 MiB/h"))
  }

  /// One task that keeps more is no crowd of tasks: what it keeps has a place of its own.
  @Test func whatASingleTaskKeepsIsNamedByItsFunction() throws {
    func heap(_ minute: Int64, _ bytes: UInt64, _ state: TaskGroup.State) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [.init(type: "Page", kind: "class", count: bytes / 1000, bytes: bytes)])
      facts.holders = [
        Holder(path: ["timers"], type: "timers", count: 1, retained: bytes, root: .native),
        Holder(path: ["timers", "task"], type: "task", count: 1, retained: bytes, root: .native),
        Holder(
          path: ["timers", "task", "[Int : Page] storage"], type: "[Int : Page] storage", count: 1, retained: bytes,
          container: ContainerSummary(
            kind: .dictionary, keyType: "Int", valueType: "Page", containers: 1, entries: bytes / 1000,
            slots: bytes / 500, inlineBytes: 0, behindBytes: bytes, emptyBytes: 0), root: .native),
      ]
      facts.tasks = [
        TaskGroup(
          state: state, functions: ["static Task.sleep(for:)", "refresh()"], locations: [], relation: .own, tasks: 1,
          lost: 0, handleOnly: 0, cancelled: 0, retainedBytes: bytes, holds: [], example: "")
      ]
      return facts
    }
    let report = Self.report(heap(0, 1_000_000, .running), heap(1, 21_000_000, .timer), more: 20_000_000)
    #expect(report.findings.first?.title == "task refresh() -> [Int : Page] storage", "\(report.findings.map(\.title))")
    #expect(report.findings.first?.growth == 20_000_000)
  }

  /// Of an allocator that does not say what is freed, old tasks are no finished tasks whose handles are kept.
  @Test(arguments: [true, false])
  func finishedTasksNeedAnAllocatorThatSaysWhatIsFreed(isExact: Bool) {
    func heap(_ minute: Int64, _ count: Int) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000, isExact: isExact,
        census: [.init(type: "Task", kind: "task", count: UInt64(count), bytes: UInt64(count) * 1000)])
      facts.tasks = [
        TaskGroup(
          state: .complete, functions: [], locations: [], relation: .own, tasks: count, lost: 0, handleOnly: 0,
          cancelled: 0, retainedBytes: UInt64(count) * 1000, holds: [], example: "")
      ]
      return facts
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [heap(0, 10), heap(1, 4010)])
    #expect(TasksRule.findings(evidence).map(\.title) == (isExact ? ["4,000 more finished tasks"] : []))
  }

  @Test func probabilitiesReadAsWhatTheyAre() {
    #expect(
      Say.probability(1) == "p = 1" && Say.probability(0.99999) == "p = 1" && Say.probability(0.5) == "p = 0.5000")
    #expect(Say.probability(0) == "p < 0.0001" && Say.probability(.nan) == "p < 0.0001")
  }

  /// All that rose in the watch, not what lies between its first and last fifth.
  @Test func threadsAndCountersCountTheWholeWatch() throws {
    let samples = RuleTests.samples(61) { time, sample in
      sample[.threads] = 10 + 20 * time
      sample[.ioWritten] = 1000 * time
    }
    let evidence = Evidence(lives: [samples])
    #expect(evidence.change(of: .ioWritten) == 60_000)
    let found = try #require(ThreadsRule.findings(evidence).first)
    #expect(found.evidence[0].contains("1,200 more"), "\(found.evidence)")
  }

  /// Snapshots of the last third of a watch over two lives: shares are of that time, and so are threads' bytes.
  @Test func snapshotsOfAPartOfTheWatchAnswerForThatPart() throws {
    func life(_ start: Double, _ seconds: Int) -> [Sample] {
      (0...seconds).map { second in
        var sample = Sample(time: Self.start + Int64((start + Double(second)) * 1000))
        sample[.rss] = 50e6 + Double(second) * 1e6
        sample[.threads] = 10 + Double(second)
        return sample
      }
    }
    var first = Self.heap(0, ["log": 1000])
    var last = Self.heap(0, ["log": 31_000])
    first.time = Self.start + 130_000
    last.time = Self.start + 160_000
    let report = Weighing.verdict(
      Evidence(lives: [life(0, 60), life(70, 90)], heaps: [first, last], age: 600))
    let log = try #require(report.findings.first { $0.cause == .collection })
    #expect(log.growth == 30_000_000 && report.findings.allSatisfy { $0.cause != .unexplained })
    #expect(log.growthPerHour.map { abs($0 - 3.6e9) < 1e7 } == true)
    let threads = try #require(report.findings.first { $0.cause == .threads })
    #expect(threads.growthPerHour.map { $0 < 2 * 45_000 * 3600 } == true, "\(threads)")
  }
}
