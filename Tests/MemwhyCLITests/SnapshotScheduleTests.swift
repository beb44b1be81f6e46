import Testing

@testable import MemwhyCLI

/// When the watcher looks into the heap.
struct SnapshotScheduleTests {
  @Test func readsWhatPeopleWrite() throws {
    #expect(try SnapshotSchedule(parsing: "off") == .off)
    #expect(try SnapshotSchedule(parsing: "10min") == .every(600_000_000_000))
    #expect(try SnapshotSchedule(parsing: "+100MiB") == .growth(100 << 20))
    for text in ["", "+", "often", "1s", "+1KiB", "-5", "100MiB"] {
      #expect(throws: CLIError.self, "\(text)") { try SnapshotSchedule(parsing: text) }
    }
  }

  private static let second: UInt64 = 1_000_000_000

  @Test func looksEverySoOften() {
    var timer = SnapshotTimer(.every(60 * Self.second))
    let due = (0..<300).filter { timer.isDue(now: UInt64($0) * Self.second, level: 1) }
    #expect(due == [0, 60, 120, 180, 240])
  }

  @Test func looksAtEachStepOfGrowth() {
    var timer = SnapshotTimer(.growth(100 << 20))
    let mib = 1_048_576.0
    // Up by 10 MiB a second, back to the start, and up again.
    let due = (0..<60).filter { second in
      timer.isDue(now: UInt64(second) * Self.second, level: Double(second < 35 ? second : second - 35) * 10 * mib)
    }
    #expect(due == [0, 10, 20, 30, 45, 55])
  }

  @Test func longPausesMoveTheNextLookAway() {
    var timer = SnapshotTimer(.every(10 * Self.second))
    let first = timer.isDue(now: 0, level: 1)
    #expect(first)
    timer.finished(now: Self.second, pause: Self.second / 10)
    let due = (1..<200).filter { timer.isDue(now: UInt64($0) * Self.second, level: 1) }
    #expect(due.first == 101)
    // A new life has not stood still yet: its first look is what later ones are compared with.
    timer.finished(now: 200 * Self.second, pause: Self.second)
    timer.restart()
    let again = timer.isDue(now: 201 * Self.second, level: 1)
    #expect(again)
    var off = SnapshotTimer(.off)
    let never = off.isDue(now: 0, level: 1)
    #expect(!never)
  }
}
