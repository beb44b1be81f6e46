/// Why memory over time could not be recorded or read.
public enum TimelineError: Error, Hashable, Sendable, CustomStringConvertible {
  case cannotOpen(path: String, reason: String)
  /// Nothing can be written there: another user's, or a disk that is read-only.
  case notWritable(path: String, reason: String)
  /// The disk, or the user's share of it, is full.
  case noRoom(path: String)
  case otherHistory(path: String, found: Int, known: Int)
  case damaged(path: String, reason: String)
  case writeFailed(path: String, reason: String)
  case readFailed(path: String, reason: String)
  case badLoad(String, reason: String)
  case badGroup(path: String, reason: String)

  public var description: String {
    switch self {
    case .cannotOpen(let path, let reason):
      "cannot open the history \(path): \(reason); \(Self.another)"
    case .notWritable(let path, let reason):
      "cannot write the history \(path): \(reason); \(Self.another)"
    case .noRoom(let path):
      "there is no room for the history \(path): the disk is full; free some, or \(Self.another)"
    case .otherHistory(let path, let found, let known):
      "the history \(path) has version \(found), this memwhy knows \(known); read it with the version that wrote it"
    case .damaged(let path, let reason):
      "the history \(path) is damaged: \(reason); `memwhy watch` moves it aside and begins a new one"
    case .writeFailed(let path, let reason):
      "cannot write the history \(path): \(reason); samples are kept in memory until it works again"
    case .readFailed(let path, let reason):
      "cannot read the history \(path): \(reason); try again; if it stays, \(Self.another)"
    case .badLoad(let text, let reason):
      "'\(text)' is no load to count: \(reason); write it like http_requests_total@http://127.0.0.1:8080/metrics"
    case .badGroup(let path, let reason):
      "\(path) is no memory control group: \(reason); give its folder below /sys/fs/cgroup"
    }
  }

  private static let another = "name another file with --history FILE (diagnose: --history-file FILE)"
}
