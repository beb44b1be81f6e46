import Foundation
import GRDB

/// Fills the database: the same contents for the same size, every time.
enum Seeding {
  static func create(_ path: String, activities: Int, chances: Int, replace: Bool) throws -> (
    events: Int, activities: Int, chances: Int
  ) {
    if FileManager.default.fileExists(atPath: path) {
      guard replace else { throw DatabaseFailure.exists(path) }
      try FileManager.default.removeItem(atPath: path)
    }
    let queue: DatabaseQueue
    do { queue = try DatabaseQueue(path: path) } catch {
      throw DatabaseFailure.cannotOpen(path, reason: "\(error)")
    }
    try queue.write { database in
      try database.execute(sql: schema)
      for id in 1...activities { try insertActivity(id, database) }
      for id in 0..<chances { try insertChance(id + 1, activities: activities, database) }
      try database.execute(sql: "PRAGMA user_version = \(ActivityDatabase.version)")
    }
    return (activities, activities, chances)
  }

  private static func insertActivity(_ id: Int, _ database: Database) throws {
    try database.execute(
      sql: "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
      arguments: [
        id, "Midsummer warm-up round \(id)", "Spend 199 and get 20 off in round \(id); the rules are on the page",
        "https://shop.example/activities/\(id)/landing?from=feed", "north-\(id % 4)", 1_700_000_000 + id * 3_600,
        1_700_086_400 + id * 3_600,
      ])
    try database.execute(
      sql: "INSERT INTO activities VALUES (?, ?, ?, ?, 1, ?, 3, 100, ?, ?, 5, 9.9, 0.5)",
      arguments: [
        id, id, "activity_\(100_000 + id)_entry", (id - 1) / 2, id % 5, "SKU-\(100_000_000_000 + id)-XL",
        "Voucher of round \(id), to be used within a week",
      ])
  }

  private static func insertChance(_ id: Int, activities: Int, _ database: Database) throws {
    let rule = """
      {"activity":\(id % activities + 1),"probability":0.\(100 + id % 900),"stock":\(id % 40 + 1),\
      "channels":["app","web","partner-\(id % 7)"],"note":"Chance number \(id), drawn at noon and not to be combined with others"}
      """
    try database.execute(
      sql: "INSERT INTO chances VALUES (?, ?, ?, ?)",
      arguments: [id, id % activities + 1, id % 40 + 1, rule])
  }

  private static let schema = """
    CREATE TABLE events (id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, url TEXT NOT NULL,
      region TEXT NOT NULL, starts INTEGER NOT NULL, ends INTEGER NOT NULL);
    CREATE TABLE activities (id INTEGER PRIMARY KEY, event INTEGER NOT NULL REFERENCES events(id), key TEXT NOT NULL UNIQUE,
      segment INTEGER NOT NULL, status INTEGER NOT NULL, kind INTEGER NOT NULL, daily INTEGER NOT NULL,
      total INTEGER NOT NULL, sku TEXT NOT NULL, title TEXT NOT NULL, amount INTEGER NOT NULL, price REAL NOT NULL,
      weight REAL NOT NULL);
    CREATE TABLE chances (id INTEGER PRIMARY KEY, activity INTEGER NOT NULL REFERENCES activities(id),
      stock INTEGER NOT NULL, rule TEXT NOT NULL);
    """
}
