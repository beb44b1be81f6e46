import Foundation
import HeapGraph
import Testing
import Timeline

@testable import Diagnosis

/// Rules on evidence that is made up: parts that no test machine can be trusted to show.
struct RuleTests {
  static let mib = 1_048_576.0

  static func samples(_ count: Int = 60, step: Int64 = 1000, _ fill: (Double, inout Sample) -> Void) -> [Sample] {
    (0..<count).map { index in
      var sample = Sample(time: 1_700_000_000_000 + Int64(index) * step)
      sample[.rss] = 100 * mib
      sample[.anonymous] = 80 * mib
      sample[.threads] = 8
      sample[.descriptors] = 20
      fill(Double(index), &sample)
      return sample
    }
  }

  /// A control group of this process alone.
  static func group(_ sample: inout Sample, file: Double = 10 * mib, kernel: Double = 5 * mib, shared: Double = 0) {
    sample[.groupAnonymous] = 81 * mib
    sample[.groupFile] = file
    sample[.groupShared] = shared
    sample[.groupKernel] = kernel
    sample[.groupSocket] = 0
    sample[.groupProcesses] = 1
    sample[.groupUsage] = 81 * mib + file + kernel
    sample[.groupLimit] = 512 * mib
  }

  /// What the first requests leave in the arenas is no retention yet; in a process that has run for a while it may become one.
  @Test(arguments: [
    (age: 3.0, more: Int64(4 << 20), cause: Cause.warmUp), (3, 20 << 20, .manyArenas), (600, 4 << 20, .manyArenas),
  ])
  func theFirstHolesAreAWarmUp(age: Double, more: Int64, cause: Cause) {
    let growth = Double(more)
    let samples = Self.samples(20) { time, sample in sample[.rss] = 40 * Self.mib + time / 19 * growth }
    func heap(_ index: Int64, free: Int64) -> HeapFacts {
      let rows: [ResidentBooks.Holder: Int64] = [.swiftObjects: 3 << 20, .files: 36 << 20, .allocatorFree: free]
      return HeapFacts(
        time: samples[Int(index) * 19].time,
        arenas: (0..<7).map { .init(isMain: $0 == 0, system: 4 << 20, live: 1 << 18, free: UInt64(free) / 7, top: 0) },
        books: ResidentBooks(rows: rows, resident: UInt64(rows.values.reduce(0, +))))
    }
    let evidence = Evidence(
      lives: [samples], heaps: [heap(0, free: 1 << 20), heap(1, free: more + (1 << 20))], age: age)
    let report = Weighing.verdict(evidence)
    #expect(report.cause == cause, "\(report.sentence)")
    // The account has it once.
    #expect(report.account?.reduce(0) { $0 + $1.bytes } == more, "\(report.account ?? [])")
    #expect(report.account?.filter { $0.bytes == more }.count == 1, "\(report.account ?? [])")
  }

  /// A service that was restarted a moment ago: what its lives before show is not forgotten, and all of their bytes count, as all of the growth does.
  @Test func whatGrewInEarlierLivesCountsToo() throws {
    func lives(_ fill: (Double, inout Sample) -> Void) -> [[Sample]] {
      (0..<3).map { life in
        Self.samples(life == 2 ? 12 : 60) { time, sample in
          sample.time += Int64(life) * 100_000
          Self.group(&sample, file: (10 + time) * Self.mib, kernel: (5 + time) * Self.mib, shared: time * Self.mib)
          fill(time, &sample)
        }
      }
    }
    let growing = lives { time, sample in
      sample[.descriptors] = 20 + time
      sample[.sockets] = 10 + time
      sample[.threads] = 8 + (time / 2).rounded(.down)
    }
    let evidence = Evidence(lives: growing)
    let found = try #require(DescriptorsRule.findings(evidence).first)
    // Medians of the fifths: 48 in each of 60 samples, 10 in the last 12.
    let all = 48.0 + 48 + 10
    #expect(Double(found.growth ?? 0) == all * Self.mib, "\(found)")
    #expect(found.title == "+106 sockets", "\(found.title)")
    #expect(
      found.evidence.first == "31 descriptors are open, 106 more in all: they came in the 3 lives that were watched",
      "\(found.evidence)")
    let threads = try #require(ThreadsRule.findings(evidence).first)
    #expect(threads.evidence[0].hasSuffix("more in all: they came in the 3 lives that were watched"))

    // Of a group of many, what this process wrote in all its lives is compared with what came in all of them.
    let written = lives { time, sample in
      sample[.groupProcesses] = 40
      sample[.ioWritten] = 2 * time * Self.mib
    }
    let page = PageCacheRule.findings(
      Evidence(
        lives: lives { time, sample in
          sample[.groupShared] = 0
          sample[.groupProcesses] = 40
          sample[.ioWritten] = 2 * time * Self.mib
        }))
    #expect(page.first?.growth ?? 0 > 0, "\(page)")
    #expect(page.first?.evidence.last == "the process wrote 258.0 MiB meanwhile", "\(page)")
    #expect(SharedMemoryRule.findings(Evidence(lives: written)).first?.title == "files in tmpfs")
  }

  /// A job of some seconds is over when its answer is there: nobody can watch it for longer.
  @Test func whatHasEndedIsNotToBeWatchedForLonger() throws {
    let lives = [Self.samples(20) { time, sample in sample[.rss] = (40 + time) * Self.mib }]
    let end = TimelineEvent(time: 1_700_000_020_000, kind: .ended, detail: "process 7 (job) ended")
    for samples in [lives, [Array(lives[0].prefix(3))]] {
      let running = Weighing.verdict(Evidence(lives: samples, age: 1))
      let ended = Weighing.verdict(Evidence(lives: samples, age: 1), events: [end])
      func all(_ report: GrowthReport) -> String {
        ([report.sentence] + report.findings.flatMap(\.advice) + report.remarks).joined(separator: "\n").lowercased()
      }
      #expect(all(running).contains("watch longer"), "\(all(running))")
      #expect(!all(ended).contains("longer") && !all(ended).contains("pid"), "\(all(ended))")
      #expect(all(ended).contains("`memwhy watch --name name"), "\(all(ended))")
    }
  }

  /// At its limit a group does not grow any more: the process goes on into swap, and the limit is reached, not out of reach.
  @Test func growthIntoSwapHasReachedTheLimit() throws {
    let lives = Self.samples { time, sample in
      Self.group(&sample, file: 0, kernel: 1 * Self.mib)
      sample[.groupAnonymous] = 98.5 * Self.mib
      sample[.groupUsage] = 99.9 * Self.mib
      sample[.groupLimit] = 100 * Self.mib
      sample[.swap] = (5 + time * 0.5) * Self.mib
    }
    let forecast = try #require(Evidence(lives: [lives]).forecast)
    #expect(forecast.outcome == .reached, "\(forecast)")
  }

  /// A process that grows by less than a hundredth of what its neighbours hold reaches their common limit all the same.
  @Test func aSmallProcessInALargeGroupReachesTheLimit() {
    let lives = Self.samples { time, sample in
      Self.group(&sample)
      sample[.rss] = (90 + time * 0.1) * Self.mib
      sample[.anonymous] = (80 + time * 0.1) * Self.mib
      sample[.groupAnonymous] = (1_500 + time * 0.1) * Self.mib
      sample[.groupUsage] = (1_520 + time * 0.1) * Self.mib
      sample[.groupLimit] = 1_600 * Self.mib
      sample[.groupProcesses] = 3
    }
    let evidence = Evidence(lives: [lives])
    #expect(evidence.rss.pattern == .growing)
    #expect(evidence.forecast?.outcome == .reaches)
  }

  /// What shrinks beside it, as memwhy does in the same container, does not take its growth away.
  @Test func growthThatANeighbourHidesReachesTheLimit() throws {
    let lives = Self.samples { time, sample in
      Self.group(&sample)
      sample[.rss] = (900 + time * 0.4) * Self.mib
      sample[.anonymous] = (890 + time * 0.4) * Self.mib
      sample[.groupAnonymous] = 925 * Self.mib
      sample[.groupUsage] = 940 * Self.mib
      sample[.groupLimit] = 1_000 * Self.mib
      sample[.groupProcesses] = 2
    }
    let evidence = Evidence(lives: [lives])
    #expect(evidence.rss.pattern == .growing)
    let forecast = try #require(evidence.forecast)
    #expect(forecast.outcome == .reaches)
    // 70 MiB are left of what cannot be dropped, at 0.4 MiB a second.
    #expect(abs(try #require(forecast.likely) - 175) < 20, "\(forecast)")
  }

  @Test func pageCacheOfWrittenFiles() throws {
    let report = Weighing.verdict(
      Evidence(lives: [
        Self.samples { time, sample in
          Self.group(&sample, file: (10 + time) * Self.mib)
          sample[.ioWritten] = time * Self.mib
          sample[.groupInactiveFile] = (5 + time) * Self.mib
        }
      ]))
    #expect(report.cause == .pageCache, "\(report.findings.map(\.cause))")
    #expect(report.groupBooks.reduce(0) { $0 + $1.bytes } == Int64(try #require(report.groupUsage)))
    #expect(report.groupBooks.last?.bytes == 0)
  }

  /// Objects come before the storage they lie in, but not where they are a trifle; and nobody is cleared who was not looked for.
  @Test func liveObjectsAreNamedByWhatGrew() throws {
    func heap(_ minute: Int64, _ storage: UInt64, _ nodes: UInt64, _ holders: [HeapFacts.Holder]?) -> HeapFacts {
      var facts = HeapFacts(
        time: 1_700_000_000_000 + minute * 60_000,
        census: [
          .init(type: "_DictionaryStorage<Int, Row>", kind: "dictionaryStorage", count: storage, bytes: storage << 10),
          .init(type: "Node", kind: "class", count: nodes, bytes: nodes * 64),
        ])
      facts.holders = holders
      return facts
    }
    func finding(_ nodes: UInt64, _ holders: [HeapFacts.Holder]?) throws -> Finding {
      let lives = [Self.samples { time, sample in sample[.rss] = (60 + time) * Self.mib }]
      let evidence = Evidence(lives: lives, heaps: [heap(0, 1_000, 10, holders), heap(1, 9_000, nodes, holders)])
      return try #require(LiveObjectsRule.findings(evidence).first)
    }
    #expect(try finding(20, []).title == "_DictionaryStorage<Int, Row>")
    #expect(try finding(90_000, []).title == "Node")
    #expect(try finding(20, []).evidence[0].contains("no single place keeps"))
    #expect(try finding(20, nil).evidence[0].contains("who holds them is not known"))
  }

  @Test func kernelMemoryAndTmpfs() {
    let kernel = Weighing.verdict(
      Evidence(lives: [Self.samples { time, sample in Self.group(&sample, kernel: (5 + time) * Self.mib) }]))
    #expect(kernel.cause == .kernel)
    let tmpfs = Weighing.verdict(
      Evidence(lives: [
        Self.samples { time, sample in Self.group(&sample, file: (10 + time) * Self.mib, shared: time * Self.mib) }
      ]))
    #expect(tmpfs.cause == .sharedMemory)
  }

  /// Tasks that wait in one function and are awaited by different ones are several leaks of one name: two equal snapshots differ in nothing.
  @Test func leaksOfOneNameAreComparedAsOne() throws {
    func heap(_ time: Int64, _ bytes: [UInt64]) -> HeapFacts {
      HeapFacts(
        time: time, arenas: [],
        leaks: bytes.map {
          .init(
            kind: "lostTask", title: "Task", waitsIn: "fetch(id:)", confidence: .likely, instances: 20, blocks: 340,
            bytes: $0)
        })
    }
    let samples = Self.samples(20) { _, _ in }
    let (first, last) = (try #require(samples.first).time, try #require(samples.last).time)
    let sizes: [UInt64] = [77_700, 66_100, 33_300]
    let still = LeakRule.findings(Evidence(lives: [samples], heaps: [heap(first, sizes), heap(last, sizes)]))
    #expect(still.count == 1 && still.first?.growth == 0 && still.first?.holds == 177_100, "\(still)")
    #expect(still.first?.evidence.first?.hasPrefix("60 tasks wait in fetch(id:)") == true, "\(still)")
    // In whatever order the snapshots have them.
    let turned = LeakRule.findings(
      Evidence(lives: [samples], heaps: [heap(first, sizes), heap(last, sizes.reversed())]))
    #expect(turned.first?.growth == 0, "\(turned)")
  }

  /// Texts of the runtime's warnings are told by how they begin; other memory of C beside them is not counted with the tasks.
  @Test func textsOfWarningsCountWithTheLostTasks() throws {
    var task = HeapFacts.Leak(
      kind: "lostTask", title: "Task", waitsIn: "fetch(id:)", confidence: .likely, instances: 9, blocks: 30, bytes: 9000
    )
    let text = HeapFacts.Leak(
      kind: "native", title: TypedHeap.runtimeWarningsName, confidence: .likely, instances: 9, blocks: 9, bytes: 40_000)
    let other = HeapFacts.Leak(
      kind: "native", title: "malloc(40000)", confidence: .likely, instances: 1, blocks: 1, bytes: 40_000)
    func findings() -> [Finding] {
      LeakRule.findings(Evidence(lives: [], heaps: [HeapFacts(time: 0, arenas: [], leaks: [text, other, task])]))
    }
    #expect(findings().map(\.holds) == [49_000, 40_000])
    #expect(findings().first?.advice.first?.hasPrefix("resume the continuation") == true)
    // Who waits for a stream has no continuation of his own to resume.
    task.waitsFor = "AsyncStream.Iterator.next(isolation:)"
    #expect(findings().first?.advice.first?.contains("`finish()`") == true)
    // Nor has who waits for the end of a task that waits for him.
    task.waitsFor = "Task.value.getter"
    #expect(findings().first?.advice.first?.hasPrefix("each waits for the end of a task that waits for it") == true)
  }

  @Test func oneSharedGroupIsNotPutToTheProcess() {
    let report = Weighing.verdict(
      Evidence(lives: [
        Self.samples { time, sample in
          Self.group(&sample, file: (10 + time) * Self.mib, kernel: (5 + time) * Self.mib)
          sample[.groupAnonymous] = 4000 * Self.mib
        }
      ]))
    #expect(report.cause == .steady, "\(report.findings)")
  }

  @Test func growthWithoutSnapshotsIsUnexplainedAndForecast() throws {
    let report = Weighing.verdict(
      Evidence(
        lives: [Self.samples(1200) { time, sample in sample[.rss] = (100 + time / 10) * Self.mib }],
        limit: 340 * Self.mib))
    #expect(report.cause == .unexplained)
    #expect(report.trend.pattern == .growing)
    #expect(abs(report.trend.perHour / Self.mib - 360) < 5)
    let forecast = try #require(report.forecast)
    let truth = (340 - 219.9) * 10
    #expect(try #require(forecast.earliest) <= truth && truth <= forecast.latest ?? .infinity, "\(forecast)")
    #expect(report.sentence.contains("limit of 340.0 MiB"))
  }

  /// Nights without load, days with it, restarts in between: nothing to find.
  @Test func aDailyRhythmWithRestartsIsHealthy() {
    var lives: [[Sample]] = []
    for life in 0..<3 {
      lives.append(
        (0..<5 * 144).map { index in
          let hours = Double(life * 5 * 24) + Double(index) / 6
          var sample = Sample(time: 1_700_000_000_000 + Int64(hours * 3_600_000))
          sample[.rss] = (300 + max(0, sin(hours / 24 * 2 * .pi)) * 200 + Double(index * 7919 % 13)) * Self.mib
          sample[.threads] = 8
          return sample
        })
    }
    let report = Weighing.verdict(Evidence(lives: lives))
    #expect(report.cause.isHealthy, "\(report.sentence) \(report.trend)")
    for finding in report.findings where !finding.cause.isHealthy { #expect(finding.confidence == .possible) }
  }

  @Test func evidenceMayLackEverything() {
    for evidence in [
      Evidence(lives: []), Evidence(lives: [[]]), Evidence(lives: [[Sample(time: 0)]]),
      Evidence(lives: [Self.samples { _, sample in sample[.rss] = nil }]),
      Evidence(lives: [[]], heaps: [HeapFacts(time: 0), HeapFacts(time: 1)]),
      Evidence(lives: [Self.samples { time, sample in sample[.rss] = time * 1e300 }], limit: .infinity),
    ] {
      let report = Weighing.verdict(evidence)
      #expect(!report.sentence.isEmpty)
      #expect((try? JSONEncoder().encode(report)) != nil)
    }
  }

  @Test func everyCauseIsOnThePage() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let schema = try String(contentsOf: folder.appendingPathComponent("docs/report-schema.md"), encoding: .utf8)
    for cause in Cause.allCases { #expect(schema.contains("`\(cause.rawValue)`")) }
    for holder in ResidentBooks.Holder.allCases { #expect(schema.contains("`\(holder.rawValue)`")) }
  }

  @Test func sharesOfTheGrowthAreOfOne() {
    let first = HeapFacts(time: 0, census: [.init(type: "A", kind: "class", count: 1, bytes: 100)])
    let last = HeapFacts(
      time: 60_000,
      census: [
        .init(type: "A", kind: "class", count: 100, bytes: 40 << 20),
        .init(type: "malloc(64)", kind: "unknown", count: 9, bytes: 20 << 20),
      ])
    let report = Weighing.verdict(
      Evidence(lives: [Self.samples { time, sample in sample[.rss] = (100 + time) * Self.mib }], heaps: [first, last]))
    #expect(report.cause == .liveObjects)
    #expect(report.findings.reduce(0) { $0 + ($1.share ?? 0) } <= 1.0001)
  }
}

/// What counts against a limit.
struct ForecastTests {
  private static let mib = RuleTests.mib

  @Test func pageCacheReachesNoLimit() {
    let report = Weighing.verdict(
      Evidence(lives: [
        RuleTests.samples { time, sample in RuleTests.group(&sample, file: (10 + time * 4) * Self.mib) }
      ]))
    #expect(report.forecast?.outcome == .never)
  }

  /// Kernel memory does, though resident memory stays: 5 MiB a second more of 512 - 86 MiB.
  @Test func kernelMemoryReachesTheGroupsLimit() throws {
    let evidence = Evidence(lives: [
      RuleTests.samples { time, sample in RuleTests.group(&sample, kernel: (5 + time * 5) * Self.mib) }
    ])
    let forecast = try #require(Weighing.verdict(evidence).forecast)
    #expect(forecast.outcome == .reaches)
    let truth = (512 - 81 - 5.0) / 5 - 59
    #expect(try #require(forecast.earliest) <= truth && truth <= forecast.latest ?? .infinity, "\(forecast)")
  }

  /// Two causes: putting one right leaves the time that the other one takes.
  @Test func byCauseAndByLoad() throws {
    var first = HeapFacts(time: 1_700_000_000_000)
    first.work = HeapFacts.Work(name: "requests", count: 0)
    var last = HeapFacts(
      time: 1_700_000_060_000,
      census: [.init(type: "Node", kind: "class", count: 9, bytes: UInt64(40 * Self.mib))],
      leaks: [
        .init(
          kind: "chain", title: "Page", confidence: .certain, instances: 5, blocks: 5, bytes: UInt64(20 * Self.mib))
      ])
    last.census.append(.init(type: "Page", kind: "class", count: 5, bytes: UInt64(20 * Self.mib)))
    last.work = HeapFacts.Work(name: "requests", count: 3000)
    let lives = RuleTests.samples { time, sample in
      sample[.rss] = (100 + time) * Self.mib
      sample[.load] = time * 50
    }
    let report = Weighing.verdict(
      Evidence(lives: [lives], heaps: [first, last], limit: 259 * Self.mib, loadName: "requests"))
    let causes = try #require(report.forecastByCause)
    #expect(Set(causes.rows.map(\.cause)) == [.leak, .liveObjects])
    let leak = try #require(causes.rows.first { $0.cause == .leak })
    // 100 MiB are left at 1 MiB a second, a third of it the leak's.
    #expect(abs(try #require(leak.alone) - 300) < 30, "\(causes)")
    #expect(abs(try #require(leak.without) - 150) < 20, "\(causes)")
    let each = try #require(causes.bytesPerWork)
    #expect(abs(each - Self.mib / 50) < Self.mib / 500, "\(causes)")
  }
}
