import GRDB
import Glibc
import ProcessImage

/// Samples, runs and events in one SQLite file: safe against a kill at any moment, readable while it is written.
///
/// Write-ahead logging with `synchronous = NORMAL` (sqlite.org/wal.html): a kill loses nothing that was committed, a power cut at
/// most the last seconds; the file is never torn.
public final class History: Sendable {
  public let path: String
  let database: DatabaseQueue
  let retention: Retention

  /// Default place: `$XDG_STATE_HOME/memwhy/history.db`, else below `~/.local/state`.
  public static var defaultPath: String {
    defaultPath(variable: { name in getenv(name).map { String(cString: $0) } }, home: homeOfUser)
  }

  /// Services of systemd and programs under `env -i` have no `HOME`: the user database knows it. Who has no home at all gets a file where
  /// memwhy was started, never one in `/tmp`, where others could have laid a link.
  static func defaultPath(variable: (String) -> String?, home: () -> String?) -> String {
    func set(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
    let base = set("XDG_STATE_HOME") ?? (set("HOME") ?? home() ?? ".") + "/.local/state"
    return base + "/memwhy/history.db"
  }

  /// Home of the user that memwhy runs as, by the user database; nil where it has none.
  private static func homeOfUser() -> String? {
    var entry = passwd()
    var result: UnsafeMutablePointer<passwd>?
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { buffer in
      guard let start = buffer.baseAddress, getpwuid_r(geteuid(), &entry, start, buffer.count, &result) == 0,
        result != nil,
        let home = entry.pw_dir, home[0] != 0
      else { return nil }
      return String(cString: home)
    }
  }

  /// Opens or creates a history for writing. A damaged file, or one of another version, is moved aside, never deleted; what was no history is
  /// left where it is.
  ///
  /// - Returns: the history, and where a file was moved to.
  /// - Throws: `TimelineError.cannotOpen`, `notWritable`, `noRoom`.
  public static func open(
    _ path: String, retention: Retention = .standard
  ) throws(TimelineError) -> (history: History, movedAside: String?) {
    makeFolder(of: path)
    do throws(TimelineError) {
      return (try History(path, retention: retention, isReadOnly: false), nil)
    } catch {
      switch error {
      case .damaged, .otherHistory: break
      default: throw error
      }
      let aside = try moveAside(path)
      return (try History(path, retention: retention, isReadOnly: false), aside)
    }
  }

  /// Opens a history to read it, while somebody else may be writing it.
  public static func reading(_ path: String) throws(TimelineError) -> History {
    guard access(path, F_OK) == 0 else {
      throw .cannotOpen(path: path, reason: "there is no such file; `memwhy watch` records one")
    }
    do throws(TimelineError) {
      return try History(path, retention: .standard, isReadOnly: true)
    } catch {
      guard case .notWritable = error else { throw error }
      return try copied(path)
    }
  }

  /// Whether there is a file at its path.
  var isInPlace: Bool { access(path, F_OK) == 0 }

  /// A new file at the path, from which this one was removed.
  func begunAgain() throws(TimelineError) -> History {
    // Before the new one is there: closing removes the log at the path, whosever it is.
    try? database.close()
    return try Self.open(path, retention: retention).history
  }

  /// - Parameter file: where the database is, if not at the path.
  init(_ path: String, at file: String? = nil, retention: Retention, isReadOnly: Bool) throws(TimelineError) {
    self.path = path
    self.retention = retention
    var configuration = Configuration()
    configuration.readonly = isReadOnly
    configuration.busyMode = .timeout(5)
    configuration.label = "memwhy.history"
    if !isReadOnly {
      configuration.prepareDatabase { database in
        // Before the first table, or it has no effect.
        try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
        try database.execute(sql: "PRAGMA journal_mode = WAL")
        try database.execute(sql: "PRAGMA synchronous = NORMAL")
      }
    }
    do {
      database = try DatabaseQueue(path: file ?? path, configuration: configuration)
      try Self.check(database, path: path, isReadOnly: isReadOnly)
    } catch let error as TimelineError {
      throw error
    } catch let error as DatabaseError
      where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
    {
      guard !isReadOnly || Self.wasHistory(path) else {
        throw .cannotOpen(path: path, reason: "it is no history of memwhy")
      }
      throw .damaged(path: path, reason: error.message ?? "it is no database")
    } catch {
      if !isReadOnly, Self.isFull(error, path: path) { throw .noRoom(path: path) }
      if let reason = Self.refusal(error, path: path) { throw .notWritable(path: path, reason: reason) }
      throw .cannotOpen(path: path, reason: Self.reason(error))
    }
  }

  /// SQLite says only "disk I/O error" where there is no room for the index of its log.
  private static func isFull(_ error: any Error, path: String) -> Bool {
    guard let error = error as? DatabaseError else { return false }
    if error.resultCode == .SQLITE_FULL { return true }
    guard error.resultCode == .SQLITE_IOERR else { return false }
    var status = statvfs()
    guard statvfs(path.folder, &status) == 0 else { return false }
    let (room, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return !overflow && room < logIndexSize
  }

  /// The first part of the log's index, in bytes (sqlite.org/walformat.html, 2.1).
  private static let logIndexSize: UInt64 = 32 << 10

  private static func check(_ queue: DatabaseQueue, path: String, isReadOnly: Bool) throws {
    let (version, application, tables) = try queue.read { database in
      (
        try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0,
        try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0,
        try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
      )
    }
    if tables == 0 && version == 0 {
      if isReadOnly { throw TimelineError.damaged(path: path, reason: "it is empty") }
      try queue.write { try HistorySchema.create($0) }
      return
    }
    guard application == HistorySchema.applicationID else {
      throw TimelineError.cannotOpen(path: path, reason: "it is a database of another program")
    }
    guard version == HistorySchema.version else {
      throw TimelineError.otherHistory(path: path, found: version, known: HistorySchema.version)
    }
    // O(size): but a file that is damaged in the middle must be found now, not in the middle of the night.
    let verdict = try queue.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") ?? "ok" }
    if verdict != "ok" { throw TimelineError.damaged(path: path, reason: verdict) }
  }

  static func reason(_ error: any Error) -> String {
    guard let error = error as? DatabaseError else { return "\(error)" }
    return error.message ?? "\(error.resultCode)"
  }

  private static func makeFolder(of path: String) {
    var made = ""
    for part in path.split(separator: "/").dropLast() {
      made += (made.isEmpty && !path.hasPrefix("/") ? "" : "/") + part
      mkdir(made, 0o755)
    }
  }

  /// What is left of a history: SQLite's mark or this schema's at their places, or the empty page that a power cut may leave. A name that was
  /// mistyped must not take somebody's file away.
  private static func wasHistory(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      let page = try? contents(of: path, limit: 4096).prefix(4096)
    else { return false }
    let number = UInt32(truncatingIfNeeded: HistorySchema.applicationID)
    let mark = (0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    return page.starts(with: "SQLite format 3\0".utf8) || page.dropFirst(68).starts(with: mark)
      || page.allSatisfy { $0 == 0 }
  }

  private static func moveAside(_ path: String) throws(TimelineError) -> String {
    guard wasHistory(path) else {
      throw .cannotOpen(path: path, reason: "it is no history of memwhy, and stays as it is")
    }
    let base = "\(path).aside-\(Clocks.milliseconds / 1000)"
    var target = base
    var number = 1
    while access(target, F_OK) == 0 {
      number += 1
      target = "\(base)-\(number)"
    }
    guard rename(path, target) == 0 else {
      throw .cannotOpen(
        path: path, reason: "it is damaged and cannot be moved aside: \(systemMessage(errno))")
    }
    // The log belongs to the moved file and would be played into the new one.
    for ending in ["-wal", "-shm"] { rename(path + ending, target + ending) }
    return target
  }
}
