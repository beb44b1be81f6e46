import Measurement

/// Columns that line up; the last one takes the rest of the width.
struct TextTable {
  enum Alignment { case left, right }

  var columns: [(title: String, alignment: Alignment)]
  var rows: [[String]] = []
  var indent = "  "

  init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

  mutating func add(_ cells: [String]) { rows.append(cells.map(TextStyle.printable)) }

  func lines(_ style: TextStyle) -> [String] {
    var widths = columns.map(\.title.count)
    for row in rows {
      for (index, cell) in row.enumerated() where index < widths.count {
        widths[index] = max(widths[index], cell.count)
      }
    }
    let used = indent.count + widths.dropLast().reduce(0) { $0 + $1 + 2 }
    let room = max(style.width - used, 12)
    func line(_ cells: [String]) -> String {
      var text = indent
      for (index, column) in columns.enumerated() {
        let cell = index < cells.count ? cells[index] : ""
        let isLast = index == columns.count - 1
        switch column.alignment {
        case .right: text += cell.rightAligned(widths[index])
        case .left: text += isLast ? TextStyle.shorten(cell, to: room) : cell.leftAligned(widths[index])
        }
        if !isLast { text += "  " }
      }
      return text
    }
    return [style.paint(line(columns.map(\.title)), .dim)] + rows.map(line)
  }
}
