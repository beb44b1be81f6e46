import GRDB

extension History {
  /// One column of a chart: what was seen in its span, of one life of the process.
  public struct Column: Sendable, Hashable {
    public var run: Int64
    /// Of the last sample in it, milliseconds since 1970.
    public var time: Int64
    /// Means of levels and highest values of counters, in the order that was asked for; nil where unknown.
    public var values: [Double?]
    /// Lowest and highest value of those quantities that keep them, by their place in `values`.
    public var low, high: [Int: Double]
  }

  /// What a row of a list of snapshots shows.
  public struct CaptureEntry: Sendable, Hashable, Codable {
    public var id, run, time: Int64
  }

  /// Samples of some runs folded to the columns of a chart, oldest first. Only the quantities that are drawn are read.
  ///
  /// O(samples in the span), in SQLite; memory is O(columns).
  /// - Parameter columns: most columns a run.
  public func columns(
    runs: [Int64], metrics: [Metric], from: Int64, to: Int64, columns: Int
  ) throws(TimelineError) -> [Column] {
    guard !runs.isEmpty, !metrics.isEmpty, to >= from else { return [] }
    let width = max((to - from) / Int64(max(columns, 1)) + 1, 1)
    let ranged = metrics.indices.filter { HistorySchema.ranged.contains(metrics[$0]) }
    var parts = metrics.map { $0.kind == .counter ? "max(\($0.name))" : "avg(\($0.name))" }
    for index in ranged {
      let metric = metrics[index]
      parts.append("min(coalesce(\(HistorySchema.low(metric)), \(metric.name)))")
      parts.append("max(coalesce(\(HistorySchema.high(metric)), \(metric.name)))")
    }
    let list = runs.map(String.init).joined(separator: ", ")
    return try reading { database in
      // One search a resolution: the table is sorted by it first.
      let steps = try Self.steps(database).map(String.init).joined(separator: ", ")
      let sql = """
        SELECT run, max(time), \(parts.joined(separator: ", ")) FROM sample
        WHERE step IN (\(steps)) AND time >= ? AND time <= ? AND run IN (\(list))
        GROUP BY run, (time - ?) / ? ORDER BY 2
        """
      var result: [Column] = []
      let cursor = try Row.fetchCursor(database, sql: sql, arguments: [from, to, from, width])
      while let row = try cursor.next() {
        var column = Column(run: try row.value(0), time: try row.time(1), values: [], low: [:], high: [:])
        column.values = metrics.indices.map { row.number(2 + $0) }
        for (place, index) in ranged.enumerated() {
          column.low[index] = row.number(2 + metrics.count + 2 * place)
          column.high[index] = row.number(3 + metrics.count + 2 * place)
        }
        result.append(column)
      }
      return result
    }
  }

  /// The resolutions that there are, by a search for each instead of a look at every row.
  private static func steps(_ database: Database) throws -> [Int64] {
    var steps: [Int64] = []
    while let row = try Row.fetchOne(
      database, sql: "SELECT min(step) FROM sample WHERE step > ?", arguments: [steps.last ?? -1]),
      row.hasValue(0)
    {
      let next = try row.time(0)
      // One and a half would be the same again and again.
      guard next > steps.last ?? -1 else { throw BadValue(column: "step") }
      steps.append(next)
    }
    return steps
  }

  /// What happened to some runs, and to the machine; oldest first, at most the newest `limit`.
  public func events(runs: [Int64], from: Int64, to: Int64, limit: Int) throws(TimelineError) -> [TimelineEvent] {
    let list = runs.map(String.init).joined(separator: ", ")
    return try reading { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT time, kind, detail FROM event
          WHERE time >= ? AND time <= ? AND (run IS NULL OR run IN (\(list))) ORDER BY time DESC LIMIT ?
          """, arguments: [from, to, limit])
      return try rows.reversed().compactMap(Self.event)
    }
  }

  /// Snapshots of the heap without their contents, oldest first; at most the newest `limit`.
  public func captureEntries(runs: [Int64], limit: Int = 500) throws(TimelineError) -> [CaptureEntry] {
    guard !runs.isEmpty else { return [] }
    let list = runs.map(String.init).joined(separator: ", ")
    return try reading { database in
      let sql = "SELECT id, run, time FROM capture WHERE run IN (\(list)) ORDER BY time DESC, id DESC LIMIT ?"
      return try Row.fetchAll(database, sql: sql, arguments: [limit]).reversed().map {
        CaptureEntry(id: try $0.value("id"), run: try $0.value("run"), time: try $0.time("time"))
      }
    }
  }

  /// The snapshot with this number; nil where there is none.
  public func capture(_ id: Int64) throws(TimelineError) -> Capture? {
    try reading { database in
      try Row.fetchOne(database, sql: "SELECT * FROM capture WHERE id = ?", arguments: [id]).map(Self.capture)
    }
  }
}
