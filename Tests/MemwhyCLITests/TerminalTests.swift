import Reports
import Synchronization
import Testing

@testable import MemwhyCLI

struct TerminalTests {
  private func terminal(isTerminal: Bool, _ environment: [String: String] = [:], columns: Int? = nil) -> Terminal {
    Terminal(outputIsTerminal: isTerminal, errorIsTerminal: isTerminal, columns: columns) { environment[$0] }
  }

  @Test func coloursOnlyOnATerminalThatWantsIt() {
    #expect(terminal(isTerminal: true).style(.auto).color)
    #expect(!terminal(isTerminal: false).style(.auto).color)
    #expect(!terminal(isTerminal: true, ["NO_COLOR": "1"]).style(.auto).color)
    #expect(terminal(isTerminal: true, ["NO_COLOR": ""]).style(.auto).color)
    #expect(!terminal(isTerminal: true, ["TERM": "dumb"]).style(.auto).color)
    #expect(terminal(isTerminal: false, ["NO_COLOR": "1"]).style(.always).color)
    #expect(!terminal(isTerminal: true).style(.never).color)
  }

  /// `ESC[K` would be printed as it is, and a line that is too long is not written over.
  @Test func progressIsWhatTheTerminalCanShow() {
    func terminal(_ environment: [String: String], isTerminal: Bool = true) -> Terminal {
      Terminal(outputIsTerminal: true, errorIsTerminal: isTerminal, columns: 40) { environment[$0] }
    }
    #expect(terminal(["TERM": "xterm"]).showsProgress && terminal([:]).showsProgress)
    #expect(!terminal(["TERM": "dumb"]).showsProgress && !terminal([:], isTerminal: false).showsProgress)
    let written = Mutex<[String]>([])
    let narrow = Progress(isEnabled: true, start: .now - .seconds(1), columns: 12) { text in
      written.withLock { $0.append(text) }
    }
    narrow.update("reading symbols")
    #expect(written.withLock { $0 } == ["\r\u{1b}[Kmemwhy: rea"])
  }

  @Test func widthIsThatOfTheTerminal() {
    #expect(terminal(isTerminal: true, columns: 132).width == 132)
    #expect(terminal(isTerminal: true, ["COLUMNS": "80"], columns: 132).width == 80)
    #expect(terminal(isTerminal: false).width == 100)
    #expect(terminal(isTerminal: true, ["COLUMNS": "3"]).width == 40)
    #expect(terminal(isTerminal: true, ["COLUMNS": "many"]).width == 100)
  }

  @Test func progressWaitsAndClearsUp() {
    let written = Mutex<[String]>([])
    let young = Progress(isEnabled: true) { text in written.withLock { $0.append(text) } }
    young.update("walking", 0.5)
    young.finish()
    #expect(written.withLock { $0.isEmpty })

    let old = Progress(isEnabled: true, start: .now - .seconds(1)) { text in written.withLock { $0.append(text) } }
    old.update("walking", 0.5)
    old.update("walking", .nan)
    old.finish()
    #expect(written.withLock { $0 } == ["\r\u{1b}[Kmemwhy: walking 50 %", "\r\u{1b}[K"])

    let off = Progress(isEnabled: false, start: .now - .seconds(1)) { text in written.withLock { $0.append(text) } }
    off.update("walking")
    off.finish()
    #expect(written.withLock { $0.count } == 2)
  }
}
