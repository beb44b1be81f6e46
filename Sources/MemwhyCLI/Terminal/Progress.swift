import Glibc
import Synchronization

/// One line on stderr that says what goes on: only on a terminal, and only once it has taken half a second.
final class Progress: Sendable {
  private struct State {
    var isShown = false
    var lastText = ""
    var lastUpdate: ContinuousClock.Instant
  }

  private let isEnabled: Bool
  private let isQuiet: Bool
  private let columns: Int?
  private let start: ContinuousClock.Instant
  private let state: Mutex<State>
  private let write: @Sendable (String) -> Void

  /// Before this nothing is shown.
  static let delay = Duration.milliseconds(500)
  private static let interval = Duration.milliseconds(100)

  /// - Parameter columns: of the terminal; nil where that is not known.
  init(
    isEnabled: Bool, isQuiet: Bool = false, start: ContinuousClock.Instant = .now,
    columns: Int? = Terminal.windowColumns(STDERR_FILENO),
    write: @escaping @Sendable (String) -> Void = { Terminal.error($0) }
  ) {
    self.isEnabled = isEnabled
    self.isQuiet = isQuiet
    self.columns = columns
    self.start = start
    self.write = write
    self.state = Mutex(State(lastUpdate: start - Self.interval))
  }

  /// - Parameter fraction: 0 ... 1 where known.
  func update(_ phase: String, _ fraction: Double? = nil) {
    guard isEnabled else { return }
    let now = ContinuousClock.now
    guard now - start >= Self.delay else { return }
    var text = "memwhy: \(phase)"
    if let fraction, fraction.isFinite { text += " \(Int(min(max(fraction, 0), 1) * 100)) %" }
    // What goes on in the next line is not written over.
    if let columns { text = String(text.prefix(max(columns - 1, 0))) }
    state.withLock { state in
      guard text != state.lastText, now - state.lastUpdate >= Self.interval else { return }
      state.lastText = text
      state.lastUpdate = now
      state.isShown = true
      write("\r\u{1b}[K\(text)")
    }
  }

  /// A line that stays: what is about to be done to the process. Not with `--quiet`.
  func note(_ text: String) {
    guard !isQuiet else { return }
    finish()
    write("memwhy: \(text)\n")
  }

  /// Clears the line.
  func finish() {
    state.withLock { state in
      if state.isShown { write("\r\u{1b}[K") }
      state.isShown = false
      state.lastText = ""
    }
  }
}
