/// When notes rest.
///
/// A log's worth of accesses is all that anybody can be told. Where a cache is used so much that it comes in within a second, what is noted for the rest
/// of that second would only replace it, and cost look-ups their time: the smaller a cache is, the more of its keys are sampled, and the less a
/// look-up takes without. So the log is written once a second at most. A young cache is watched all the time, because it still changes, and so is
/// one that has become larger: the pace begins anew then.
struct NotePace {
  private static let period: UInt64 = 1_000_000_000
  /// Logs that are written before the first rest.
  private static let logsOfYouth = 2
  /// Hits of the most popular keys, and probes, do not fill the log; so many of them are as good as a full one.
  private static let notesOfALog = 4

  private var began: UInt64 = 0
  private var logs = 0
  /// Since the last log was full: those that are in the log, and all.
  private var written = 0
  private var noted = 0

  /// - Parameter written: notes that a log has already which has become larger.
  init(written: Int = 0) {
    self.written = written
    noted = written
  }

  mutating func note(isWritten: Bool) {
    noted &+= 1
    if isWritten { written &+= 1 }
  }

  /// Whether to rest from now on.
  ///
  /// - Parameters:
  ///   - capacity: of the log, in notes.
  ///   - now: in nanoseconds.
  mutating func isRestDue(capacity: Int, now: @autoclosure () -> UInt64) -> Bool {
    guard written >= capacity || noted >= capacity * Self.notesOfALog else { return false }
    (written, noted) = (0, 0)
    let now = now()
    logs += 1
    if isOver(now) { began = now } else if logs > Self.logsOfYouth { return true }
    return false
  }

  /// Whether the second is over. If so, the next one begins.
  mutating func isToGoOn(now: UInt64) -> Bool {
    guard isOver(now) else { return false }
    began = now
    return true
  }

  private func isOver(_ now: UInt64) -> Bool { now &- began >= Self.period }
}
