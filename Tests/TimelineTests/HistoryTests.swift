import Foundation
import TestSupport
import Testing

@testable import Timeline

/// A history keeps what it was given, whatever happens to its file or to its writer.
struct HistoryTests {
  /// A path in a folder of its own, which goes when `body` returns.
  static func withFolder<T>(_ body: (String) throws -> T) throws -> T {
    let folder = NSTemporaryDirectory() + "memwhy-history-\(UInt64.random(in: 0 ... .max))"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder + "/h.db")
  }

  static let run = Run(pid: 42, startTicks: 7, boot: "b", name: "shop", command: "shop --port 1")

  static func samples(_ count: Int, from start: Int64 = 1_700_000_000_000, step: Int64 = 1000) -> [Sample] {
    (0..<Int64(count)).map { index in
      Sample(time: start + index * step, [.rss: Double(1000 + index), .cpu: Double(index) / 4, .threads: 3])
    }
  }

  @Test func theDefaultFileIsTheUsersOwn() {
    func path(_ variables: [String: String], home: String?) -> String {
      History.defaultPath(variable: { variables[$0] }, home: { home })
    }
    #expect(path(["XDG_STATE_HOME": "/s", "HOME": "/h"], home: "/u") == "/s/memwhy/history.db")
    #expect(path(["XDG_STATE_HOME": "", "HOME": "/h"], home: "/u") == "/h/.local/state/memwhy/history.db")
    #expect(path(["HOME": ""], home: "/u") == "/u/.local/state/memwhy/history.db")
    #expect(path([:], home: nil) == "./.local/state/memwhy/history.db")
  }

  @Test func keepsWhatItWasGiven() throws {
    try Self.withFolder { path in
      let history = try History.open(path).history
      let samples = Self.samples(100)
      let run = try history.identifier(of: Self.run, target: "shop", time: samples[0].time)
      let event = TimelineEvent(time: samples[5].time, kind: .clockJump, detail: "it's set")
      try history.append(samples, events: [event], run: run)
      let read = try History.reading(path)
      var expected = samples
      for index in expected.indices { expected[index].step = 0 }
      #expect(try read.samples(runs: [run]).map(\.sample) == expected)
      #expect(try read.events() == [event])
      let runs = try read.runs()
      #expect(runs.map(\.run) == [Self.run])
      #expect(runs.first?.first == samples.first?.time && runs.first?.last == samples.last?.time)
      #expect(try history.identifier(of: Self.run, target: "shop", time: 1) == run)
    }
  }

  @Test func readsFoldedWhenThereIsMuch() throws {
    try Self.withFolder { path in
      let history = try History.open(path).history
      let run = try history.identifier(of: Self.run, target: "shop", time: 0)
      try history.append(Self.samples(5000), run: run)
      let folded = try history.samples(runs: [run], limit: 50).map(\.sample)
      #expect((40...52).contains(folded.count))
      #expect(zip(folded, folded.dropFirst()).allSatisfy { $0.time < $1.time && $0[.rss]! < $1[.rss]! })
    }
  }

  @Test func foldsOldSamplesAndKeepsTheirRange() throws {
    try Self.withFolder { path in
      let retention = Retention(levels: [
        .init(step: 0, age: 60_000), .init(step: 10_000, age: 600_000), .init(step: 60_000, age: 3_600_000),
      ])
      let history = try History.open(path, retention: retention).history
      let run = try history.identifier(of: Self.run, target: "shop", time: 0)
      let start: Int64 = 1_700_000_000_000 / 60_000 * 60_000
      let samples = Self.samples(7200, from: start)
      try history.append(samples, run: run)
      let now = start + 7_200_000
      try history.maintain(now: now)
      let rows = try history.size().rows
      #expect(rows.map(\.step) == [0, 10_000, 60_000])
      #expect(rows[0].count == 60)
      #expect(rows[1].count == 54)
      #expect(rows[2].count == 50)
      let kept = try history.samples(runs: [run]).map(\.sample)
      // A folded bucket of a line is its middle; a counter is its highest.
      let minute = try #require(kept.first { $0.step == 60_000 })
      let offset = Double(minute.time - start) / 1000
      #expect(minute[.rss] == (1000 + offset + 29.5).rounded())
      #expect(minute[.cpu] == (offset + 59) / 4)
      #expect(minute[.threads] == 3)
      // Doing it again changes nothing.
      try history.maintain(now: now)
      #expect(try history.samples(runs: [run]).map(\.sample) == kept)
      // All of it goes in the end, but what happens later stays readable.
      try history.maintain(now: now + 10_000_000)
      #expect(try history.size().rows.isEmpty)
    }
  }

  @Test(arguments: [
    "", "SQLite format 3\0, and then nothing that fits: \(String(repeating: "x", count: 5000))",
    String(repeating: "\0", count: 5000),
  ])
  func damagedFilesAreMovedAside(content: String) throws {
    try Self.withFolder { path in
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try content.write(toFile: path, atomically: true, encoding: .utf8)
      let (history, aside) = try History.open(path)
      #expect(try history.runs().isEmpty)
      if content.isEmpty {
        // An empty file is a new one to SQLite.
        #expect(aside == nil)
      } else {
        #expect(try String(contentsOfFile: try #require(aside), encoding: .utf8) == content)
      }
    }
  }

  /// A disk that is read-only, as one is after a fault: what was recorded can be read, also what its writer had only logged when it was killed.
  @Test func aReadOnlyDisk() throws {
    try Self.withFolder { path in
      let folder = (path as NSString).deletingLastPathComponent
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      guard geteuid() == 0, mount("none", folder, "tmpfs", 0, nil) == 0 else {
        print("skipped: to mount takes root")
        return
      }
      defer { umount2(folder, Int32(MNT_DETACH)) }
      let other = folder + "/killed.db"
      let history = try History.open(path).history
      try history.append(Self.samples(5), run: history.identifier(of: Self.run, target: "shop", time: 1))
      // Copied while it is open: the samples are in the log.
      for ending in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + ending, toPath: other + ending) }
      try history.database.close()
      // A child that another test starts has our descriptors until it is its own program.
      let isReadOnly = eventually(within: 20) {
        mount("none", folder, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0
      }
      try #require(isReadOnly)
      let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      for file in [path, other] {
        let history = try History.reading(file)
        #expect(try history.samples(runs: history.runs().map(\.id)).count == 5, "\(file)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)
      let refused = "Read-only file system"
      #expect(throws: TimelineError.notWritable(path: path, reason: refused)) { try History.open(path) }
      for new in ["/new.db", "/a/b/new.db"] {
        #expect(
          throws: TimelineError.notWritable(path: folder + new, reason: "no file can be made in \(folder): \(refused)")
        ) { try History.open(folder + new) }
      }
    }
  }

  /// `--history report.html` by mistake.
  @Test func otherProgramsFilesAreLeftAlone() throws {
    try Self.withFolder { path in
      let folder = (path as NSString).deletingLastPathComponent
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let content = "somebody's text\n" + String(repeating: "x", count: 5000)
      try content.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(throws: TimelineError.self) { try History.open(path) }
      // Nor is it said that it is a damaged one, which the next watch would move aside.
      #expect(throws: TimelineError.cannotOpen(path: path, reason: "it is no history of memwhy")) {
        try History.reading(path)
      }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == content)
      let pipe = folder + "/pipe"
      try #require(mkfifo(pipe, 0o600) == 0)
      #expect(throws: TimelineError.self) { try History.open(pipe) }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(!names.contains { $0.contains(".aside") }, "\(names)")
    }
  }

  @Test func newerFilesAreMovedAsideByWritersAndRefusedToReaders() throws {
    try Self.withFolder { path in
      do {
        let history = try History.open(path).history
        _ = try history.identifier(of: Self.run, target: "shop", time: 0)
      }
      let result = try Command.run("sqlite3", [path, "PRAGMA user_version = 99"])
      guard result.status == 0 else {
        print("skipped: sqlite3 is not installed")
        return
      }
      #expect(throws: TimelineError.otherHistory(path: path, found: 99, known: 3)) { try History.reading(path) }
      let (history, aside) = try History.open(path)
      #expect(aside != nil && FileManager.default.fileExists(atPath: aside ?? ""))
      #expect(try history.runs().isEmpty)
    }
  }

  @Test func otherProgramsDatabasesAreLeftAlone() throws {
    try Self.withFolder { path in
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      guard try Command.run("sqlite3", [path, "CREATE TABLE mine (a)"]).status == 0 else {
        print("skipped: sqlite3 is not installed")
        return
      }
      let before = FileManager.default.contents(atPath: path)
      #expect(throws: TimelineError.self) { try History.open(path) }
      #expect(throws: TimelineError.self) { try History.reading(path) }
      #expect(before?.isEmpty == false)
      #expect(try Command.run("sqlite3", [path, "SELECT name FROM sqlite_master"]).output == "mine\n")
    }
  }

  /// Whatever bytes of the file are damaged: an answer or an error, and a writer goes on.
  @Test func damageAnywhereIsSurvived() throws {
    try Self.withFolder { path in
      let bytes: [UInt8] = try {
        let history = try History.open(path).history
        let run = try history.identifier(of: Self.run, target: "shop", time: 0)
        try history.append(Self.samples(300), run: run)
        try history.maintain(now: 1_700_000_300_000)
        return []
      }()
      #expect(bytes.isEmpty)
      let good = Array(try #require(FileManager.default.contents(atPath: path)))
      let folder = (path as NSString).deletingLastPathComponent
      var number = 0
      let rounds = Mutation.rounds(60, seconds: 5) { generator in
        number += 1
        let file = folder + "/d\(number).db"
        _ = FileManager.default.createFile(
          atPath: file, contents: Data(Mutation.damaged(good, hot: [0..<200], using: &generator)))
        if let read = try? History.reading(file) {
          let runs = (try? read.runs().map(\.id)) ?? []
          _ = try? read.samples(runs: runs)
          _ = try? read.events()
        }
        if let writer = try? History.open(file).history,
          let run = try? writer.identifier(of: Self.run, target: "shop", time: 0)
        {
          _ = try? writer.append(Self.samples(3, from: 1_800_000_000_000), run: run)
        }
      }
      #expect(rounds >= 6)
    }
  }

  @Test func aFullDiskLosesNothingThatFitsIntoMemory() throws {
    try Self.withFolder { path in
      let history = try History.open(path).history
      var sink = HistorySink(history, target: "shop")
      let samples = Self.samples(30)
      func tick(_ sample: Sample) -> Recorder.Tick { Recorder.Tick(sample: sample, run: Self.run) }
      sink.add(tick(samples[0]))
      #expect(sink.failure == nil)
      // SQLite's own way to have no room: the same error as from a full disk.
      try history.database.write { try $0.execute(sql: "PRAGMA max_page_count = 1") }
      let big = Self.samples(3000, from: samples[2].time)
      for sample in big { sink.add(tick(sample)) }
      #expect(sink.failure?.contains("full") == true)
      let before = sink.written
      #expect(before < 3001 && sink.unwritten == 3001 - before)
      try history.database.write { try $0.execute(sql: "PRAGMA max_page_count = 1000000") }
      sink.add(tick(samples[1]))
      #expect(sink.failure == nil)
      #expect(sink.written == 3002 && sink.dropped == 0 && sink.unwritten == 0)
      #expect(try history.samples(runs: [try #require(sink.currentRun)]).count == 3002)
    }
  }

  @Test func aFileThatIsRemovedIsBegunAgain() throws {
    try Self.withFolder { path in
      var sink = HistorySink(try History.open(path).history, target: "shop")
      let samples = Self.samples(6)
      func add(_ range: Range<Int>) {
        for sample in samples[range] { sink.add(Recorder.Tick(sample: sample, run: Self.run)) }
      }
      add(0..<3)
      let folder = (path as NSString).deletingLastPathComponent
      try FileManager.default.removeItem(atPath: folder)
      add(3..<6)
      #expect(sink.failure == nil && sink.written == 6)
      let history = try History.reading(path)
      #expect(try history.samples(runs: history.runs().map(\.id)).map(\.sample.time) == samples[3...].map(\.time))
    }
  }

  /// By a clock that is years ahead everything is old.
  @Test func aWrongClockThrowsNothingAway() throws {
    try Self.withFolder { path in
      var sink = HistorySink(try History.open(path).history, target: "shop")
      let samples = Self.samples(4)
      func add(_ sample: Sample, jumped: Bool = false) {
        let event = TimelineEvent(time: sample.time, kind: .clockJump, detail: "")
        sink.add(Recorder.Tick(sample: sample, run: Self.run, events: jumped ? [event] : []))
      }
      add(samples[0])
      add(samples[1])
      let years: Int64 = 3 * 365 * 86_400_000
      for (index, ahead) in Self.samples(900, from: samples[1].time + years).enumerated() {
        add(ahead, jumped: index == 0)
      }
      add(samples[2], jumped: true)
      add(samples[3])
      let history = try History.reading(path)
      let kept = Set(try history.samples(runs: history.runs().map(\.id)).map(\.sample.time))
      #expect(kept.isSuperset(of: samples.map(\.time)))
    }
  }

  /// SQLite keeps anything in any column, and a file may come from anybody.
  @Test(arguments: [
    "run SET pid = 1000000000000", "run SET name = x'ff'", "run SET first = 1e300",
    "run SET first = -9223372036854775808, last = 9223372036854775807", "run SET last = 'x'",
    "run SET start_ticks = 1.5", "run SET program = 1e300", "sample SET step = 9e300", "sample SET step = -1",
    "sample SET step = 1.5", "sample SET step = 'x'",
    "sample SET rss = 'abc', threads = x'00', cpu = 9e999", "sample SET time = time * 1000000",
    "event SET kind = x'00'", "event SET time = 1e300", "event SET detail = x'ff'", "capture SET content = x'ff'",
    "capture SET time = 'x'", "capture SET run = 1e300",
  ])
  func valuesThatMakeNoSenseAreSurvived(change: String) throws {
    try Self.withFolder { path in
      do {
        let history = try History.open(path).history
        let run = try history.identifier(of: Self.run, target: "shop", time: 1_700_000_000_000)
        let event = TimelineEvent(time: 1_700_000_000_000, kind: .started, detail: "d")
        try history.append(Self.samples(20), events: [event], run: run)
        try history.append(capture: "{}", time: 1_700_000_000_500, run: run)
      }
      #expect(try Command.run("sqlite3", [path, "UPDATE \(change)"]).status == 0)
      guard let history = try? History.reading(path) else { return }
      _ = try? history.runs()
      for limit in [5, 20_000] { _ = try? history.samples(runs: [1], limit: limit) }
      _ = try? history.events()
      _ = try? history.events(runs: [1], from: 0, to: .max, limit: 5)
      _ = try? history.captures(runs: [1])
      _ = try? history.captureEntries(runs: [1])
      _ = try? history.capture(1)
      _ = try? history.size()
      _ = try? history.columns(runs: [1], metrics: Metric.allCases, from: 0, to: 1_800_000_000_000, columns: 10)
    }
  }

  /// Rows times their size stay within what a year may take.
  @Test func aYearStaysSmall() throws {
    try Self.withFolder { path in
      let history = try History.open(path).history
      let run = try history.identifier(of: Self.run, target: "shop", time: 0)
      // Every column filled, with numbers as large as real ones.
      var generator = SeededGenerator(seed: 1)
      let samples = (0..<4000).map { index in
        var sample = Sample(time: 1_700_000_000_000 + Int64(index) * 1000)
        for metric in Metric.allCases {
          let top: Int64 = metric.unit == .bytes ? 8 << 30 : 100_000
          sample[metric] = Double(Int64.random(in: 0...top, using: &generator))
        }
        return sample
      }
      let empty = try history.size().bytes
      try history.append(samples, run: run)
      let perRow = Double(try history.size().bytes - empty) / 4000
      // The last level as it is, each other one as long as its age.
      var rows = 0.0
      var last: Int64 = 0
      for level in Retention.standard.levels {
        rows += Double(level.age - last) / Double(max(level.step, 1000))
        last = level.age
      }
      // Folded rows carry five ranges of two numbers more.
      let year = rows * (perRow + 10 * 6)
      #expect(year < 200 * 1024 * 1024, "\(Int(rows)) rows of \(Int(perRow)) bytes")
    }
  }
}

struct HistoryPageTests {
  /// The page that people read SQL by names every column.
  @Test func everyQuantityIsDocumented() throws {
    let page = try String(
      contentsOf: TestProgram.packageRoot.appendingPathComponent("docs/history.md"), encoding: .utf8)
    for metric in Metric.allCases { #expect(page.contains("| `\(metric.name)` | \(metric.meaning)"), "\(metric.name)") }
    #expect(Set(Metric.allCases.map(\.name)).count == Metric.allCases.count)
  }
}
