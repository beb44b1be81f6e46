import Measurement

/// What grew from the first snapshot to the last, by holder, type and task.
struct DiffSection {
  let diff: SnapshotDiff

  private static let mostRows = 200

  var head: Markup {
    let first = diff.reachableBytes.first ?? 0
    let last = diff.reachableBytes.last ?? 0
    let change = Int64(clamping: last) - Int64(clamping: first)
    let time: Markup = diff.seconds > 0 ? " in \(TimeSpan(seconds: diff.seconds))" : ""
    return """
      <header class="verdict plain">
      <p class="subject"><strong>\(Markup.name(diff.process, limit: 64))</strong> · \(Count(diff.snapshots).of("snapshot"))</p>
      <h1>\(Words.change(change))\(time): \(ByteCount(first)) → \(ByteCount(last)) reachable</h1>
      </header>
      """
  }

  var sections: [(id: String, title: String, markup: Markup)] {
    [
      ("holders", "Holders", section("holders", "Holders that grew", diff.holders)),
      ("types", "Types", section("types", "Types that grew", diff.types)),
      ("tasks", "Tasks", section("tasks", "Tasks that grew", diff.tasks)),
    ]
  }

  private func section(_ id: String, _ title: String, _ rows: [SnapshotDiff.Row]) -> Markup {
    let grown = rows.filter { $0.growth > 0 }
    var content: Markup = "<p>None.</p>"
    if !grown.isEmpty {
      var table = HTMLTable(
        title,
        [.text("What"), .number("Change"), .number("Before"), .number("After"), .number("Number"), .text("Steps")])
      for row in grown.prefix(Self.mostRows) {
        let counts = row.entries ?? row.counts
        let noun = row.entries == nil ? "" : " entries"
        table.rows.append([
          .name(row.path, limit: 400), "\(Words.change(row.growth))", "\(ByteCount(row.bytes.first ?? 0))",
          "\(ByteCount(row.bytes.last ?? 0))", "\(Count(counts.first ?? 0)) → \(Count(counts.last ?? 0))\(noun)",
          row.growsInEveryStep ? "in every step" : "now and then",
        ])
      }
      let rest = grown.count - min(grown.count, Self.mostRows)
      content = table.markup + (rest > 0 ? "<p class=\"note\">And \(Count(rest)) more.</p>" : "")
    }
    return
      "<section id=\"\(id)\" aria-labelledby=\"\(id)-title\"><h2 id=\"\(id)-title\">\(title)</h2>\(content)</section>"
  }
}
