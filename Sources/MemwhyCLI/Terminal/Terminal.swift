import Glibc
import Reports
import Synchronization

/// Where the text goes, and what that place can show.
struct Terminal: Sendable {
  var outputIsTerminal: Bool
  var errorIsTerminal: Bool
  var columns: Int?
  var environment: @Sendable (String) -> String?

  /// The process's own streams.
  static func current() -> Terminal {
    Terminal(
      outputIsTerminal: isatty(STDOUT_FILENO) == 1, errorIsTerminal: isatty(STDERR_FILENO) == 1,
      columns: windowColumns(STDOUT_FILENO), environment: { name in getenv(name).map { String(cString: $0) } })
  }

  /// It prints what it is sent and can do nothing else (terminfo's `dumb`).
  private var isDumb: Bool { environment("TERM") == "dumb" }

  /// A line that is written over again and again can be shown on stderr.
  var showsProgress: Bool { errorIsTerminal && !isDumb }

  /// `--color` wins; otherwise colour only on a terminal that can, and never with `NO_COLOR` (no-color.org).
  func style(_ mode: ColorMode) -> TextStyle {
    let color =
      switch mode {
      case .always: true
      case .never: false
      case .auto: outputIsTerminal && (environment("NO_COLOR") ?? "").isEmpty && !isDumb
      }
    return TextStyle(width: width, color: color)
  }

  /// `COLUMNS`, the terminal's own width, or 100; between 40 and 200.
  var width: Int {
    let asked = environment("COLUMNS").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
    return min(max(asked ?? columns ?? 100, 40), 200)
  }

  /// Of the terminal behind a stream; nil where there is none.
  static func windowColumns(_ descriptor: Int32) -> Int? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  /// Writes to stdout. Returns false where nobody reads any more or the disk is full; the latter is kept in `outputFailure`.
  @discardableResult
  static func output(_ text: String) -> Bool {
    if write(text, to: STDOUT_FILENO) { return true }
    // A reader that has seen enough (`| head -1`) is no failure.
    if errno != EPIPE { failure.store(errno, ordering: .relaxed) }
    return false
  }

  private static let failure = Atomic<Int32>(0)
  /// `errno` of the last write to stdout that failed for another reason than that nobody reads; 0 for none.
  static var outputFailure: Int32 { failure.load(ordering: .relaxed) }

  /// Takes the numbers of standard streams that are closed, so that no file which is opened later gets them and what is printed with them.
  /// Writing to one of these fails, as before.
  static func reserveStandardStreams() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest free number is the one that is asked for.
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// Writes a report as JSON to stdout.
  static func output(json report: some Encodable) throws(CLIError) {
    do throws(ReportsError) { output(try JSONReport.render(report)) } catch { throw .fault("\(error)") }
  }

  @discardableResult
  static func error(_ text: String) -> Bool { write(text, to: STDERR_FILENO) }

  private static func write(_ text: String, to descriptor: Int32) -> Bool { write(Array(text.utf8), to: descriptor) }

  /// False where not all of it could be written; `errno` says why.
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var bytes = bytes[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        return false
      }
      bytes = bytes.dropFirst(count)
    }
    return true
  }
}
