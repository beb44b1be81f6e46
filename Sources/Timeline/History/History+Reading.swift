import GRDB

extension History {
  /// A run as the file has it.
  public struct RecordedRun: Sendable, Hashable, Codable {
    public var id: Int64
    public var target: String
    public var run: Run
    /// First and last sample, milliseconds since 1970.
    public var first, last: Int64
  }

  public struct Capture: Sendable, Hashable {
    public var run: Int64
    public var time: Int64
    public var content: String
  }

  /// All runs, oldest first.
  public func runs(target: String? = nil) throws(TimelineError) -> [RecordedRun] {
    try reading { database in
      let rows = try Row.fetchAll(
        database, sql: "SELECT * FROM run WHERE ?1 IS NULL OR target = ?1 ORDER BY first, id", arguments: [target])
      return try rows.map { row in
        RecordedRun(
          id: try row.value("id"), target: try row.value("target"),
          run: Run(
            pid: try row.value("pid"), startTicks: UInt64(clamping: try row.value("start_ticks") as Int64),
            boot: try row.value("boot"), program: UInt32(truncatingIfNeeded: try row.value("program") as Int64),
            name: try row.value("name"), command: try row.value("command")),
          first: try row.time("first"), last: try row.time("last"))
      }
    }
  }

  /// Samples of some runs in a span, oldest first, folded to at most about `limit`.
  ///
  /// O(samples in the span); folding is done by SQLite, so a year takes no more memory than `limit` samples.
  public func samples(
    runs: [Int64], from: Int64 = .min, to: Int64 = .max, limit: Int = 20_000
  ) throws(TimelineError) -> [(run: Int64, sample: Sample)] {
    guard !runs.isEmpty else { return [] }
    let names = Metric.allCases.map(\.name)
    let list = runs.map(String.init).joined(separator: ", ")
    let filter = "run IN (\(list)) AND time >= ? AND time <= ?"
    return try reading { database in
      let count =
        try Int.fetchOne(database, sql: "SELECT count(*) FROM sample WHERE \(filter)", arguments: [from, to]) ?? 0
      var sql = "SELECT run, step, time, \(names.joined(separator: ", ")) FROM sample WHERE \(filter) ORDER BY time"
      var arguments: StatementArguments = [from, to]
      if count > limit {
        let ends = try Row.fetchOne(
          database, sql: "SELECT min(time) AS low, max(time) AS high FROM sample WHERE \(filter)",
          arguments: [from, to])
        let span = try ends.map { try $0.time("high") - $0.time("low") } ?? 0
        let bucket = max(span / Int64(max(limit, 1)) + 1, 1)
        let values = Metric.allCases.map { $0.kind == .counter ? "max(\($0.name))" : "avg(\($0.name))" }
        sql = """
          SELECT run, max(max(step), ?), time / ? * ?, \(values.joined(separator: ", ")) FROM sample WHERE \(filter)
          GROUP BY run, time / ? ORDER BY 3
          """
        arguments = [bucket, bucket, bucket, from, to, bucket]
      }
      var result: [(run: Int64, sample: Sample)] = []
      let cursor = try Row.fetchCursor(database, sql: sql, arguments: arguments)
      while let row = try cursor.next() {
        var sample = Sample(time: try row.time(2), step: try row.time(1))
        for metric in Metric.allCases { sample[metric] = row.number(3 + metric.rawValue) }
        result.append((try row.value(0), sample))
      }
      return result
    }
  }

  public func events(from: Int64 = .min, to: Int64 = .max) throws(TimelineError) -> [TimelineEvent] {
    try reading { database in
      let rows = try Row.fetchAll(
        database, sql: "SELECT * FROM event WHERE time >= ? AND time <= ? ORDER BY time", arguments: [from, to])
      return try rows.compactMap(Self.event)
    }
  }

  /// nil for a kind of a later version.
  static func event(_ row: Row) throws -> TimelineEvent? {
    guard let kind = TimelineEvent.Kind(rawValue: try row.value("kind")) else { return nil }
    return TimelineEvent(time: try row.time("time"), kind: kind, detail: try row.value("detail"))
  }

  /// Snapshots of the heap, oldest first.
  public func captures(runs: [Int64]) throws(TimelineError) -> [Capture] {
    guard !runs.isEmpty else { return [] }
    let list = runs.map(String.init).joined(separator: ", ")
    return try reading { database in
      try Row.fetchAll(database, sql: "SELECT * FROM capture WHERE run IN (\(list)) ORDER BY time").map(Self.capture)
    }
  }

  static func capture(_ row: Row) throws -> Capture {
    Capture(run: try row.value("run"), time: try row.time("time"), content: try row.value("content"))
  }

  /// Rows of each resolution, and bytes of the file.
  public func size() throws(TimelineError) -> (rows: [(step: Int64, count: Int)], bytes: Int64) {
    try reading { database in
      let rows = try Row.fetchAll(database, sql: "SELECT step, count(*) AS n FROM sample GROUP BY step ORDER BY step")
      let pages = try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0
      let page = try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 0
      return (try rows.map { (try $0.value("step"), try $0.value("n")) }, pages * page)
    }
  }

  func reading<T>(_ body: (Database) throws -> T) throws(TimelineError) -> T {
    do { return try database.read(body) } catch let error as DatabaseError
      where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
    {
      throw .damaged(path: path, reason: error.message ?? "it is no database")
    } catch let error as BadValue {
      throw .damaged(path: path, reason: "column \(error.column) holds what makes no sense there")
    } catch {
      throw .readFailed(path: path, reason: Self.reason(error))
    }
  }
}
