import Measurement

/// When `memwhy watch` looks into the heap: never, every so often, or when memory has grown by a step.
enum SnapshotSchedule: Sendable, Hashable {
  case off
  /// Nanoseconds.
  case every(UInt64)
  /// Bytes above the level at the last snapshot.
  case growth(UInt64)

  /// Closer together they would cost more than they say.
  static let shortest: UInt64 = 10_000_000_000

  /// Reads `off`, `10min`, `+100MiB`.
  ///
  /// - Throws: `CLIError.usage`.
  init(parsing text: String) throws(CLIError) {
    if text == "off" {
      self = .off
      return
    }
    do {
      if text.hasPrefix("+") {
        let bytes = try ByteCount(parsing: String(text.dropFirst())).bytes
        guard bytes >= 1 << 20 else { throw CLIError.usage("a step of '\(text)' is too small: at least +1MiB") }
        self = .growth(bytes)
      } else {
        let span = try TimeSpan(parsing: text)
        guard span.nanoseconds >= Self.shortest else {
          throw CLIError.usage("snapshots every '\(text)' are too many: at least 10s apart")
        }
        self = .every(span.nanoseconds)
      }
    } catch let error as CLIError {
      throw error
    } catch {
      throw .usage("'\(text)' is neither off, nor a time such as 10min, nor a step such as +100MiB")
    }
  }

  var description: String {
    switch self {
    case .off: "no snapshots"
    case .every(let time): "a snapshot every \(TimeSpan(nanoseconds: time))"
    case .growth(let bytes): "a snapshot each time that memory has grown by \(ByteCount(bytes))"
    }
  }
}

/// Follows a schedule. Times are monotonic nanoseconds, levels bytes.
struct SnapshotTimer: Sendable {
  let schedule: SnapshotSchedule
  private var last: (time: UInt64, level: Double)?
  private var notBefore: UInt64 = 0
  /// Of the time a process may stand still for snapshots, at most this part.
  private static let pauseShare: UInt64 = 1000

  init(_ schedule: SnapshotSchedule) { self.schedule = schedule }

  /// The first one is due at once: what comes later is compared with it.
  mutating func isDue(now: UInt64, level: Double?) -> Bool {
    guard schedule != .off, now >= notBefore, let level else { return false }
    guard let last else {
      self.last = (now, level)
      return true
    }
    let isDue =
      switch schedule {
      case .off: false
      case .every(let time): now &- last.time >= time
      case .growth(let bytes): level >= last.level + Double(bytes) && now &- last.time >= SnapshotSchedule.shortest
      }
    // After it fell back the next step counts from the lower level.
    if isDue { self.last = (now, level) } else if level < last.level { self.last?.level = level }
    return isDue
  }

  /// Long pauses move the next snapshot away.
  mutating func finished(now: UInt64, pause: UInt64) { notBefore = now &+ pause &* Self.pauseShare }

  /// Another process, or another program in it: begins anew, and has not stood still yet.
  mutating func restart() {
    last = nil
    notBefore = 0
  }
}
