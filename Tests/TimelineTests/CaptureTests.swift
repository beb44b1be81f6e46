import Foundation
import Testing

@testable import Timeline

/// Snapshots in a history thin out with age.
struct CaptureTests {
  @Test func capturesThinOut() throws {
    try HistoryTests.withFolder { path in
      let history = try History.open(path).history
      let hour: Int64 = 3_600_000
      let now: Int64 = 1_700_000_000_000 / (24 * hour) * (24 * hour)
      let run = try history.identifier(of: HistoryTests.run, target: "shop", time: now)
      // Two days by the minute, then one an hour for a month.
      for minute in 0..<Int64(2 * 24 * 60) { try history.append(capture: "{}", time: now - minute * 60_000, run: run) }
      for hours in 49..<Int64(30 * 24) { try history.append(capture: "{}", time: now - hours * hour, run: run) }
      try history.append(HistoryTests.samples(1, from: now), run: run)
      try history.maintain(now: now)
      let times = try history.captures(runs: [run]).map { now - $0.time }
      #expect(times.filter { $0 < 12 * 60_000 }.count == 12)
      // One in ten minutes for a day, one in six hours for a week, one a day.
      #expect((140...148).contains(times.filter { $0 >= 12 * 60_000 && $0 <= 24 * hour }.count))
      #expect((22...27).contains(times.filter { $0 > 24 * hour && $0 <= 7 * 24 * hour }.count))
      #expect((21...25).contains(times.filter { $0 > 7 * 24 * hour }.count))
      let kept = times.count
      try history.maintain(now: now)
      #expect(try history.captures(runs: [run]).count == kept)
    }
  }

  @Test func aSinkKeepsASnapshotWithItsRun() throws {
    try HistoryTests.withFolder { path in
      var sink = HistorySink(try History.open(path).history, target: "shop")
      let tick = Recorder.Tick(sample: HistoryTests.samples(1)[0], run: HistoryTests.run)
      sink.add(tick, capture: ("{\"a\":1}", 1_700_000_000_500))
      #expect(sink.failure == nil)
      let read = try History.reading(path)
      let run = try #require(try read.runs().first)
      #expect(
        try read.captures(runs: [run.id]) == [
          History.Capture(run: run.id, time: 1_700_000_000_500, content: "{\"a\":1}")
        ])
    }
  }

  /// While nothing can be written, snapshots wait as samples do, but they are larger.
  @Test func aFullDiskKeepsTheNewestSnapshots() throws {
    try HistoryTests.withFolder { path in
      let history = try History.open(path).history
      var sink = HistorySink(history, target: "shop")
      let samples = HistoryTests.samples(41)
      func add(_ index: Int, hasCapture: Bool) {
        let tick = Recorder.Tick(sample: samples[index], run: HistoryTests.run)
        sink.add(tick, capture: hasCapture ? ("\(index)", samples[index].time) : nil)
      }
      add(0, hasCapture: false)
      try history.database.write { try $0.execute(sql: "CREATE TEMP TRIGGER refuses \(Self.refusal("sample"))") }
      for index in 1..<40 { add(index, hasCapture: true) }
      #expect(sink.failure != nil && sink.unwritten == 39)
      try history.database.write { try $0.execute(sql: "DROP TRIGGER refuses") }
      add(40, hasCapture: false)
      #expect(sink.failure == nil && sink.written == 41)
      let run = try #require(sink.currentRun)
      #expect(try history.captures(runs: [run]).map(\.content) == (28..<40).map { "\($0)" })
    }
  }

  /// A sample, what happened and a snapshot of one moment: where only the snapshot finds no room, the others are not written twice.
  @Test func whatWasWrittenDoesNotWaitWithASnapshot() throws {
    try HistoryTests.withFolder { path in
      let history = try History.open(path).history
      var sink = HistorySink(history, target: "shop")
      try history.database.write { try $0.execute(sql: "CREATE TEMP TRIGGER refuses \(Self.refusal("capture"))") }
      let sample = HistoryTests.samples(1)[0]
      let event = TimelineEvent(time: sample.time, kind: .snapshot, detail: "")
      sink.add(Recorder.Tick(sample: sample, run: HistoryTests.run, events: [event]), capture: ("1", sample.time))
      #expect(sink.failure != nil && sink.written == 1 && sink.unwritten == 0)
      try history.database.write { try $0.execute(sql: "DROP TRIGGER refuses") }
      sink.flush()
      #expect(sink.failure == nil && sink.written == 1)
      #expect(try history.events() == [event])
      #expect(try history.captures(runs: [try #require(sink.currentRun)]).map(\.content) == ["1"])
    }
  }

  private static func refusal(_ table: String) -> String {
    "BEFORE INSERT ON main.\(table) BEGIN SELECT RAISE(ABORT, 'no room'); END"
  }
}
