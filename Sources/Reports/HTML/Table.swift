/// A table with a caption for readers that do not see, numbers aligned to the right.
struct HTMLTable {
  struct Column {
    var title: Markup
    var isNumber: Bool

    static func number(_ title: Markup) -> Column { Column(title: title, isNumber: true) }
    static func text(_ title: Markup) -> Column { Column(title: title, isNumber: false) }
  }

  var caption: String
  var columns: [Column]
  var rows: [[Markup]] = []
  /// The last row is a sum.
  var hasTotal = false

  init(_ caption: String, _ columns: [Column]) {
    self.caption = caption
    self.columns = columns
  }

  var markup: Markup {
    let head = columns.map { "<th scope=\"col\"\(Self.mark($0))>\($0.title)</th>" as Markup }
    let body = rows.enumerated().map { index, row -> Markup in
      let cells = row.enumerated().map { column, cell -> Markup in
        "<td\(column < columns.count ? Self.mark(columns[column]) : "")>\(cell)</td>"
      }
      return hasTotal && index == rows.count - 1 ? "<tr class=\"total\">\(cells)</tr>\n" : "<tr>\(cells)</tr>\n"
    }
    return """
      <div class="scroll"><table><caption class="unseen">\(caption)</caption>
      <thead><tr>\(head)</tr></thead>
      <tbody>
      \(body)</tbody></table></div>
      """
  }

  private static func mark(_ column: Column) -> Markup { column.isNumber ? " class=\"number\"" : "" }
}
