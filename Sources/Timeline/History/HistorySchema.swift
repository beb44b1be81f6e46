import GRDB

/// Tables of a history file. docs/history.md describes them for people who read them with `sqlite3`.
enum HistorySchema {
  /// `PRAGMA user_version`.
  static let version = 3
  /// "memw" as `PRAGMA application_id`: another program's database is not taken for ours.
  static let applicationID = 0x6d65_6d77

  /// Columns whose lowest and highest value survive folding: a mean hides both the floor and the peak.
  static let ranged: [Metric] = [.rss, .anonymous, .groupUsage, .heapLive, .load]

  static func low(_ metric: Metric) -> String { metric.name + "_low" }
  static func high(_ metric: Metric) -> String { metric.name + "_high" }

  static func create(_ database: Database) throws {
    let columns =
      Metric.allCases.map { "\($0.name) NUMERIC" } + ranged.flatMap { ["\(low($0)) NUMERIC", "\(high($0)) NUMERIC"] }
    try database.execute(
      sql: """
        CREATE TABLE run (
          id INTEGER PRIMARY KEY, target TEXT NOT NULL, pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL,
          boot TEXT NOT NULL, program INTEGER NOT NULL, name TEXT NOT NULL, command TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
          UNIQUE (target, boot, pid, start_ticks, program));
        CREATE TABLE sample (
          run INTEGER NOT NULL REFERENCES run (id), step INTEGER NOT NULL, time INTEGER NOT NULL,
          \(columns.joined(separator: ", ")),
          PRIMARY KEY (step, time, run)) WITHOUT ROWID;
        CREATE TABLE event (time INTEGER NOT NULL, run INTEGER, kind TEXT NOT NULL, detail TEXT NOT NULL);
        CREATE INDEX event_time ON event (time);
        CREATE TABLE capture (
          id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), time INTEGER NOT NULL, content TEXT NOT NULL);
        CREATE INDEX capture_time ON capture (run, time);
        PRAGMA user_version = \(version);
        PRAGMA application_id = \(applicationID);
        """)
  }
}

/// How long samples are kept at which resolution. Milliseconds.
public struct Retention: Sendable, Hashable {
  public struct Level: Sendable, Hashable {
    /// Length of a bucket; 0 for samples as they were taken.
    public var step: Int64
    /// Age from which they are folded into the next level, or dropped after the last.
    public var age: Int64

    public init(step: Int64, age: Int64) {
      self.step = step
      self.age = age
    }
  }

  public var levels: [Level]

  public init(levels: [Level]) { self.levels = levels }

  private static let day: Int64 = 86_400_000

  /// A day as taken, a week in 10 s, 60 days in minutes, 400 days in 10 minutes: about 290,000 rows in the steady state.
  public static let standard = Retention(levels: [
    Level(step: 0, age: day), Level(step: 10_000, age: 7 * day), Level(step: 60_000, age: 60 * day),
    Level(step: 600_000, age: 400 * day),
  ])
}
