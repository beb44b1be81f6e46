import GRDB

/// What of the database could not be used, and what to do.
enum DatabaseFailure: Error, CustomStringConvertible {
  case exists(String)
  case cannotOpen(String, reason: String)
  case foreign(String, found: Int)
  case damaged(String, reason: String)

  var description: String {
    switch self {
    case .exists(let path): "\(path) is there already; give --force to replace it"
    case .cannotOpen(let path, let reason):
      "cannot open \(path): \(reason); `activity-service seed --database \(path)` creates it, with --force anew; where another "
        + "process has locked it, end that one"
    case .foreign(let path, let found):
      "\(path) has schema version \(found), not \(ActivityDatabase.version); seed it again with --force"
    case .damaged(let path, let reason):
      "\(path) cannot be read: \(reason); if another process has locked it, end that one, otherwise seed it again with --force"
    }
  }
}

/// Tables `events`, `activities` and `chances` in one SQLite file.
struct ActivityDatabase: Sendable {
  static let version = 1
  private let queue: DatabaseQueue
  private let path: String

  init(opening path: String) throws {
    self.path = path
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(2)
    do { queue = try DatabaseQueue(path: path, configuration: configuration) } catch {
      throw DatabaseFailure.cannotOpen(path, reason: Self.reason(error))
    }
    let found = try read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
    guard found == Self.version else { throw DatabaseFailure.foreign(path, found: found) }
  }

  /// The whole shared table.
  func catalogue() throws -> Catalogue {
    let rows = try read { try Row.fetchAll($0, sql: Self.catalogueQuery) }
    return Catalogue(
      rows.map { row in
        Catalogue.Entry(key: row["key"], segment: row["segment"], activity: SharedActivity(ActivityView(row)))
      })
  }

  func chanceIDs() throws -> [Int64] {
    try read { try Int64.fetchAll($0, sql: "SELECT id FROM chances WHERE stock > 0 ORDER BY id") }
  }

  func chances(ids: [Int64]) throws -> [(id: Int64, rule: String)] {
    guard !ids.isEmpty else { return [] }
    let marks = repeatElement("?", count: ids.count).joined(separator: ", ")
    return try read { database in
      try Row.fetchAll(
        database, sql: "SELECT id, rule FROM chances WHERE id IN (\(marks))", arguments: StatementArguments(ids)
      ).map { ($0["id"], $0["rule"]) }
    }
  }

  private func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
    do { return try queue.read(body) } catch { throw DatabaseFailure.damaged(path, reason: Self.reason(error)) }
  }

  private static func reason(_ error: any Error) -> String {
    (error as? DatabaseError)?.message ?? "\(error)"
  }

  private static let catalogueQuery = """
    SELECT a.id, a.key, a.segment, a.status, a.kind, a.daily, a.total, a.sku, a.title, a.amount, a.price, a.weight,
           e.name, e.description, e.url, e.region, e.starts, e.ends
    FROM activities a JOIN events e ON e.id = a.event ORDER BY a.id
    """
}

extension ActivityView {
  init(_ row: Row) {
    self.init(
      id: row["id"], name: row["name"], description: row["description"], url: row["url"], region: row["region"],
      start: row["starts"], end: row["ends"], status: row["status"], kind: row["kind"],
      limits: Limits(daily: row["daily"], total: row["total"], used: 0),
      reward: Reward(sku: row["sku"], title: row["title"], amount: row["amount"], price: row["price"]),
      weight: row["weight"], flags: 0, updated: row["starts"])
  }
}
