import Diagnosis
import Measurement

/// Where every MiB is: one bar, and the table of it. What has no holder is a row like the others.
struct BooksSection {
  let growth: GrowthReport

  var markup: Markup {
    guard let resident = growth.resident, !growth.books.isEmpty else { return "" }
    return """
      <section id="books" aria-labelledby="books-title">
      <h2 id="books-title">Where resident memory is</h2>
      \(bar(growth.books))\(closed)\(table("Resident memory by holder", growth.books, whole: resident, title: Glossary.resident.term("resident, in all")))
      \(group)</section>
      """
  }

  private var closed: Markup {
    growth.booksAreClosed == false
      ? "<p class=\"warning\">The books do not close: more than 2 % and 4 MiB are \(Glossary.unexplained.term("unexplained")).</p>\n"
      : ""
  }

  private var group: Markup {
    guard let usage = growth.groupUsage, !growth.groupBooks.isEmpty else { return "" }
    return """
      <details><summary>The control group: \(ByteCount(usage))</summary>
      \(table("Memory of the control group", growth.groupBooks, whole: usage, title: Glossary.group.term("usage, in all")))
      </details>

      """
  }

  private func sorted(_ rows: [GrowthReport.Row]) -> [GrowthReport.Row] {
    rows.sorted {
      ($0.holder == "unexplained" ? 1 : 0, -$0.bytes) < ($1.holder == "unexplained" ? 1 : 0, -$1.bytes)
    }
  }

  /// Thousandths of the width each, separated by a gap, so that it reads without colour; the table has the same order.
  private func bar(_ rows: [GrowthReport.Row]) -> Markup {
    let total = rows.reduce(0.0) { $0 + Double(max($1.bytes, 0)) }
    guard total > 0 else { return "" }
    var x = 0.0
    var parts: [Markup] = []
    for row in sorted(rows) where row.bytes > 0 {
      let width = Double(row.bytes) / total * 1000
      let shown = max(width - 2, min(width, 1))
      parts.append(
        """
        <rect class="\(Self.mark(row.holder))" x="\(x.hundredths)" width="\(shown.hundredths)" height="36"><title>\(row.title): \(ByteCount(UInt64(row.bytes)))</title></rect>
        """)
      x += width
    }
    return """
      <svg class="books" viewBox="0 0 1000 36" preserveAspectRatio="none" role="img" aria-label="Resident memory by holder, largest first; the table below has the numbers">\(parts)</svg>

      """
  }

  private func table(_ caption: String, _ rows: [GrowthReport.Row], whole: UInt64, title: Markup) -> Markup {
    let hasGrowth = rows.contains { $0.growth != nil }
    var table = HTMLTable(
      caption,
      [.text("What"), .number("Bytes"), .number("Share")] + (hasGrowth ? [.number("Change")] : []))
    for row in sorted(rows) {
      let name: Markup = Glossary(rawValue: row.holder).map { $0.term(row.title) } ?? "\(row.title)"
      let size = row.bytes < 0 ? Words.change(row.bytes) : ByteCount(UInt64(row.bytes)).description
      table.rows.append(
        [
          "<svg class=\"swatch\" viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"\(Self.mark(row.holder))\" width=\"10\" height=\"10\"/></svg> \(name)",
          "\(size)", "\(Share(UInt64(max(row.bytes, 0)), of: whole))",
        ] + (hasGrowth ? ["\(row.growth.map(Words.change) ?? "–")"] : []))
    }
    let sum = rows.compactMap(\.growth).reduce(Int64(0)) { $0 &+ $1 }
    table.rows.append(["\(title)", "\(ByteCount(whole))", ""] + (hasGrowth ? ["\(Words.change(sum))"] : []))
    table.hasTotal = true
    return table.markup
  }

  /// The class that gives a holder its colour; names of holders come from a file that anybody may have written.
  static func mark(_ holder: String) -> String {
    let known = ResidentBooks.Holder(rawValue: holder)?.rawValue
    return "part h-\(known ?? groupMarks[holder] ?? "other")"
  }

  private static let groupMarks = [
    "process": "swiftObjects", "others": "nativeBlocks", "pageCache": "files", "kernel": "moduleData",
    "sockets": "stacks",
  ]
}
