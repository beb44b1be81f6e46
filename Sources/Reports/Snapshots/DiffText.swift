import Measurement

/// A comparison of snapshots as text.
public struct DiffText: Sendable {
  let style: TextStyle
  let options: TextOptions

  public init(style: TextStyle, options: TextOptions) {
    self.style = style
    self.options = options
  }

  /// What grew, as lines of text, ended by a line feed.
  public func render(_ diff: SnapshotDiff) -> String {
    let first = diff.reachableBytes.first ?? 0
    let last = diff.reachableBytes.last ?? 0
    var head = "\(diff.process): \(ByteCount(first)) -> \(ByteCount(last)) reachable, \(Self.signed(first, last))"
    // What no pointer leads to is in no holder, however much of it there is.
    if let before = diff.leakedBytes?.first, let after = diff.leakedBytes?.last, before > 0 || after > 0 {
      head += ", and \(ByteCount(before)) -> \(ByteCount(after)) leaked, \(Self.signed(before, after)),"
    }
    if diff.seconds > 0 { head += " in \(TimeSpan(seconds: diff.seconds))" }
    head += " over \(Count(diff.snapshots).of("snapshot"))."
    var lines = style.wrap(TextStyle.printable(head))
    if !options.quiet {
      let every = diff.holders.filter { $0.growsInEveryStep && $0.growth > 0 }
      let sometimes = diff.holders.filter { !$0.growsInEveryStep && $0.growth > 0 }
      lines += section("LEAKS THAT GREW", (diff.leaks ?? []).filter { $0.growth > 0 })
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
      let head = "  " + amount.rightAligned(12) + "  "
      lines += style.wrap(TextStyle.printable(row.path), first: head, rest: indent + "  ")
      if let change = Self.change(row) { lines += style.wrap(change, first: indent, rest: indent + "  ") }
    }
    let rest = rows.dropFirst(options.limit)
    if !rest.isEmpty { lines += style.more("\(Count(rest.count)) more (--limit shows more)") }
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
