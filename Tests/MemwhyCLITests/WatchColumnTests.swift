import Testing

@testable import MemwhyCLI

/// The table of `memwhy watch` fits into the terminal.
struct WatchColumnTests {
  private func width(_ columns: [WatchColumn]) -> Int { columns.reduce(8) { $0 + $1.width } }

  @Test func aWideTerminalShowsAll() {
    #expect(WatchColumn.fitting(200, hasLoad: true) == WatchColumn.allCases)
    // Without a count of work there is nothing to show of it.
    #expect(WatchColumn.fitting(200, hasLoad: false) == WatchColumn.allCases.filter { $0 != .load })
  }

  @Test(arguments: [40, 60, 80, 100], [false, true]) func linesAreNotWrapped(terminal: Int, hasLoad: Bool) {
    let columns = WatchColumn.fitting(terminal, hasLoad: hasLoad)
    #expect(width(columns) <= terminal)
    #expect(columns.starts(with: [.resident, .change]))
  }

  @Test func eightyColumnsHaveRoomForAllButTheWork() {
    #expect(WatchColumn.fitting(80, hasLoad: false) == WatchColumn.allCases.filter { $0 != .load })
    #expect(WatchColumn.fitting(80, hasLoad: true).suffix(2) == [.threads, .load])
  }
}
