import GRDB

extension History {
  /// Number of a run in this file; made where it is new.
  public func identifier(of run: Run, target: String, time: Int64) throws(TimelineError) -> Int64 {
    try writing { database in
      try database.execute(
        sql: """
          INSERT INTO run (target, pid, start_ticks, boot, program, name, command, first, last)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (target, boot, pid, start_ticks, program) DO UPDATE SET last = max(last, excluded.last)
          """,
        arguments: [
          target, run.pid, Int64(clamping: run.startTicks), run.boot, run.program, run.name, run.command, time, time,
        ])
      return try Int64.fetchOne(
        database,
        sql: "SELECT id FROM run WHERE target = ? AND boot = ? AND pid = ? AND start_ticks = ? AND program = ?",
        arguments: [target, run.boot, run.pid, Int64(clamping: run.startTicks), run.program]) ?? 0
    }
  }

  /// One transaction: all of it is there afterwards, or nothing.
  public func append(_ samples: [Sample], events: [TimelineEvent] = [], run: Int64?) throws(TimelineError) {
    guard !samples.isEmpty || !events.isEmpty else { return }
    try writing { database in
      if let run, !samples.isEmpty {
        let statement = try database.cachedStatement(sql: Self.insertion)
        for sample in samples {
          var values: [(any DatabaseValueConvertible)?] = [run, sample.time]
          values += Metric.allCases.map { sample[$0].map(Self.number) }
          try statement.execute(arguments: StatementArguments(values))
        }
        try database.execute(
          sql: "UPDATE run SET last = max(last, ?) WHERE id = ?", arguments: [samples.map(\.time).max() ?? 0, run])
      }
      for event in events {
        try database.execute(
          sql: "INSERT INTO event (time, run, kind, detail) VALUES (?, ?, ?, ?)",
          arguments: [event.time, run, event.kind.rawValue, event.detail])
      }
    }
  }

  /// What a snapshot of the heap found, as JSON.
  public func append(capture content: String, time: Int64, run: Int64) throws(TimelineError) {
    try writing { database in
      try database.execute(
        sql: "INSERT INTO capture (run, time, content) VALUES (?, ?, ?)", arguments: [run, time, content])
    }
  }

  /// A clock that was set back may give a moment twice: the later look replaces the earlier one.
  private static let insertion =
    "INSERT OR REPLACE INTO sample (run, step, time, \(Metric.allCases.map(\.name).joined(separator: ", "))) "
    + "VALUES (?, 0, ?\(String(repeating: ", ?", count: Metric.allCases.count)))"

  /// Whole numbers take a few bytes in SQLite, fractions always eight.
  private static func number(_ value: Double) -> any DatabaseValueConvertible {
    Int64(exactly: value.rounded()).flatMap { Double($0) == value ? $0 : nil } ?? value
  }

  /// Folds what is old enough into longer buckets and drops what is too old. Short transactions; may be killed at any point.
  ///
  /// - Parameter now: milliseconds since 1970.
  /// - Returns: rows that went away.
  @discardableResult
  public func maintain(now: Int64) throws(TimelineError) -> Int {
    var gone = 0
    for (index, level) in retention.levels.enumerated() {
      let next = retention.levels.indices.contains(index + 1) ? retention.levels[index + 1] : nil
      // Only whole buckets, so that none is folded twice.
      let bucket = next?.step ?? 1
      let edge = (now - level.age) / bucket * bucket
      gone += try fold(level, into: next, before: edge)
    }
    try writing { database in
      let oldest = now - (retention.levels.last?.age ?? 0)
      try database.execute(sql: "DELETE FROM event WHERE time < ?", arguments: [oldest])
      try database.execute(sql: "DELETE FROM capture WHERE time < ?", arguments: [oldest])
      try database.execute(sql: Self.thinning, arguments: ["now": now])
      try database.execute(sql: "DELETE FROM run WHERE last < ?", arguments: [oldest])
    }
    try vacuum()
    return gone
  }

  /// An hour at a time, so that no reader waits for long.
  private func fold(_ level: Retention.Level, into next: Retention.Level?, before edge: Int64) throws(TimelineError)
    -> Int
  {
    let span: Int64 = max(3_600_000, (next?.step ?? 0) * 60)
    var gone = 0
    while true {
      let done = try writing { database -> Int? in
        guard
          let first = try Int64.fetchOne(
            database, sql: "SELECT min(time) FROM sample WHERE step = ? AND time < ?", arguments: [level.step, edge])
        else { return nil }
        let bucket = max(next?.step ?? 1, 1)
        let end = min(edge, (first / bucket) * bucket + span)
        if let next {
          try database.execute(
            sql: Self.folding, arguments: [next.step, next.step, next.step, level.step, end, next.step])
        }
        try database.execute(sql: "DELETE FROM sample WHERE step = ? AND time < ?", arguments: [level.step, end])
        return database.changesCount
      }
      guard let done else { return gone }
      gone += done
    }
  }

  private static let folding: String = {
    var columns: [String] = []
    var values: [String] = []
    for metric in Metric.allCases {
      columns.append(metric.name)
      values.append(
        metric.keepsHighest ? "max(\(metric.name))" : "round(avg(\(metric.name)))")
    }
    for metric in HistorySchema.ranged {
      columns += [HistorySchema.low(metric), HistorySchema.high(metric)]
      values += [
        "min(coalesce(\(HistorySchema.low(metric)), \(metric.name)))",
        "max(coalesce(\(HistorySchema.high(metric)), \(metric.name)))",
      ]
    }
    return """
      INSERT OR REPLACE INTO sample (run, step, time, \(columns.joined(separator: ", ")))
      SELECT run, ?, time / ? * ?, \(values.joined(separator: ", "))
      FROM sample WHERE step = ? AND time < ? GROUP BY run, time / ?
      """
  }()

  /// Of snapshots the newest dozen stays; before that one in ten minutes for a day, one in six hours for a week, one a day.
  private static let thinning = """
    DELETE FROM capture WHERE id NOT IN (SELECT id FROM capture ORDER BY time DESC, id DESC LIMIT 12)
    AND id NOT IN (SELECT min(id) FROM capture GROUP BY run, CASE
      WHEN time >= :now - 86400000 THEN time / 600000
      WHEN time >= :now - 604800000 THEN 1000000000000 + time / 21600000
      ELSE 2000000000000 + time / 86400000 END)
    """

  private func vacuum() throws(TimelineError) {
    do {
      // Outside a transaction.
      try database.writeWithoutTransaction { database in
        try database.execute(sql: "PRAGMA incremental_vacuum")
        try database.execute(sql: "PRAGMA wal_checkpoint(PASSIVE)")
      }
    } catch { throw .writeFailed(path: path, reason: Self.reason(error)) }
  }

  private func writing<T>(_ body: (Database) throws -> T) throws(TimelineError) -> T {
    do { return try database.write(body) } catch { throw .writeFailed(path: path, reason: Self.reason(error)) }
  }
}
