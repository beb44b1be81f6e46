import HeapGraph
import Measurement

/// What grew from the first snapshot to the last.
public struct SnapshotDiff: Codable, Hashable, Sendable {
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

/// A comparison of snapshots as text.
public struct DiffText: Sendable {
  let style: TextStyle
  let options: HoldersText.Options

  public init(style: TextStyle, options: HoldersText.Options) {
    self.style = style
    self.options = options
  }

  public func render(_ diff: SnapshotDiff) -> String {
    let first = diff.reachableBytes.first ?? 0
    let last = diff.reachableBytes.last ?? 0
    var head = "\(diff.process): \(ByteCount(first)) -> \(ByteCount(last)) reachable, \(Self.signed(first, last))"
    if diff.seconds > 0 { head += " in \(TimeSpan(nanoseconds: UInt64(min(diff.seconds, 1e9) * 1e9)))" }
    head += " over \(Count(diff.snapshots).of("snapshot"))."
    var lines = style.wrap(TextStyle.printable(head))
    if !options.quiet {
      let every = diff.holders.filter { $0.growsInEveryStep && $0.growth > 0 }
      let sometimes = diff.holders.filter { !$0.growsInEveryStep && $0.growth > 0 }
      lines += section(diff.snapshots > 2 ? "HOLDERS THAT GREW IN EVERY STEP" : "HOLDERS THAT GREW", every)
      lines += section("HOLDERS THAT GREW NOW AND THEN", sometimes)
      lines += section("TYPES THAT GREW", diff.types.filter { $0.growth > 0 })
      lines += section("TASKS THAT GREW", diff.tasks.filter { $0.growth > 0 })
      if every.isEmpty && sometimes.isEmpty { lines.append("No holder grew.") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func section(_ title: String, _ rows: [SnapshotDiff.Row]) -> [String] {
    guard !rows.isEmpty else { return [] }
    var lines = ["", style.paint(title, .heading)]
    for row in rows.prefix(options.limit) {
      let amount = Self.signed(row.bytes.first ?? 0, row.bytes.last ?? 0)
      let indent = String(repeating: " ", count: 16)
      let head = "  " + String(repeating: " ", count: max(0, 12 - amount.count)) + amount + "  "
      lines += style.wrap(TextStyle.printable(row.path), first: head, rest: indent + "  ")
      if let change = Self.change(row) { lines += style.wrap(change, first: indent, rest: indent + "  ") }
    }
    let rest = rows.dropFirst(options.limit)
    if !rest.isEmpty { lines.append("  and \(Count(rest.count)) more (--limit shows more)") }
    return lines
  }

  /// More entries, or bigger ones.
  private static func change(_ row: SnapshotDiff.Row) -> String? {
    if let entries = row.entries, let before = entries.first, let after = entries.last {
      var text = "\(Count(before)) -> \(Count(after)) entries"
      if let sizes = row.bytesPerEntry, let small = sizes.first, let large = sizes.last {
        text +=
          small == large ? ", \(ByteCount(small)) an entry" : ", \(ByteCount(small)) -> \(ByteCount(large)) an entry"
      }
      return text
    }
    guard let before = row.counts.first, let after = row.counts.last, before != after else { return nil }
    return "\(Count(before)) -> \(Count(after))"
  }

  private static func signed(_ before: UInt64, _ after: UInt64) -> String {
    after >= before ? "+\(ByteCount(after - before))" : "-\(ByteCount(before - after))"
  }
}
