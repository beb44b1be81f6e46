/// What grew from the first snapshot to the last.
public struct SnapshotDiff: Codable, Hashable, Sendable {
  /// A holder, type, kind of task or leak in all of the snapshots.
  public struct Row: Codable, Hashable, Sendable {
    public var path: String
    /// Bytes in each snapshot, in order.
    public var bytes: [UInt64]
    public var counts: [UInt64]
    public var entries: [UInt64]?
    /// Last less first.
    public var growth: Int64
    /// More bytes in every snapshot than in the one before.
    public var growsInEveryStep: Bool
    /// Bytes an entry, of the first and the last snapshot.
    public var bytesPerEntry: [UInt64]?
  }

  public var schemaVersion = 1
  public var process: String
  public var snapshots: Int
  /// Seconds from the first to the last.
  public var seconds: Double
  public var reachableBytes: [UInt64]
  /// What changed, largest growth first; what shrank comes last.
  public var holders: [Row]
  public var types: [Row]
  public var tasks: [Row]
  /// Absent where leaks were not judged in each snapshot.
  public var leaks: [Row]?
  public var leakedBytes: [UInt64]?

  /// - Parameter snapshots: two or more, oldest first.
  /// - Throws: `SnapshotError.differentPrograms` unless allowed.
  public init(_ snapshots: [Snapshot], anyProgram: Bool = false) throws(SnapshotError) {
    if !anyProgram, let first = snapshots.first, let other = snapshots.first(where: { $0.process != first.process }) {
      throw .differentPrograms(first.process, other.process)
    }
    process = snapshots.last?.process ?? ""
    self.snapshots = snapshots.count
    seconds = (snapshots.last?.time ?? 0) - (snapshots.first?.time ?? 0)
    reachableBytes = snapshots.map(\.reachableBytes)
    holders = Self.rows(snapshots.map(\.holders))
    types = Self.rows(snapshots.map(\.types))
    tasks = Self.rows(snapshots.map(\.tasks))
    let judged = snapshots.compactMap(\.leaks)
    if judged.count == snapshots.count {
      leaks = Self.rows(judged)
      leakedBytes = judged.map { $0.reduce(0) { $0 &+ $1.bytes } }
    }
  }

  private static func rows(_ lists: [[Snapshot.Row]]) -> [Row] {
    var byPath: [String: [Snapshot.Row?]] = [:]
    for (index, list) in lists.enumerated() {
      for row in list { byPath[row.path, default: Array(repeating: nil, count: lists.count)][index] = row }
    }
    var result: [Row] = []
    for (path, rows) in byPath {
      let bytes = rows.map { $0?.bytes ?? 0 }
      guard let first = bytes.first, let last = bytes.last, Set(bytes).count > 1 else { continue }
      let isContainer = rows.contains { $0?.entries != nil }
      let perEntry = [rows.first??.bytesPerEntry, rows.last??.bytesPerEntry].compactMap { $0 }
      result.append(
        Row(
          path: path, bytes: bytes, counts: rows.map { $0?.count ?? 0 },
          entries: isContainer ? rows.map { $0?.entries ?? 0 } : nil,
          growth: Int64(clamping: last) - Int64(clamping: first),
          growsInEveryStep: zip(bytes, bytes.dropFirst()).allSatisfy { $0 < $1 },
          bytesPerEntry: perEntry.count == 2 ? perEntry : nil))
    }
    return result.sorted { ($0.growth, $1.path) > ($1.growth, $0.path) }
  }
}
