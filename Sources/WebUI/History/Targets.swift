import ProcessImage
import Timeline

/// A service as the history knows it: all lives under one name.
struct Target: Encodable, Sendable {
  var name: String
  var title: String
  var lives: Int
  /// First and last sample, milliseconds since 1970.
  var first, last: Int64
  /// Of the newest life.
  var pid: Int32
  /// It is the process with that id now.
  var isRunning: Bool

  static func all(_ runs: [History.RecordedRun]) -> [Target] {
    Dictionary(grouping: runs, by: \.target).map { name, runs in
      let newest = runs.max { ($0.last, $0.id) < ($1.last, $1.id) }
      return Target(
        name: name, title: newest?.run.name ?? name, lives: runs.count, first: runs.map(\.first).min() ?? 0,
        last: newest?.last ?? 0, pid: newest?.run.pid ?? 0, isRunning: newest.map { isAlive($0.run) } ?? false)
    }.sorted { ($1.last, $0.name) < ($0.last, $1.name) }
  }

  /// The same process, not a later one with its number.
  private static func isAlive(_ run: Run) -> Bool {
    guard let stat = try? Procfs.stat(of: run.pid) else { return false }
    return stat.startTime == run.startTicks
  }
}
