import Measurement

/// Columns that line up; the last one takes the rest of the width, or on a narrow terminal a line of its own.
struct TextTable {
  enum Alignment { case left, right }

  var columns: [(title: String, alignment: Alignment)]
  var rows: [[String]] = []
  var indent = "  "

  init(_ columns: [(title: String, alignment: Alignment)]) { self.columns = columns }

  mutating func add(_ cells: [String]) { rows.append(cells.map(TextStyle.printable)) }

  /// Names are cut in the middle; in less room than this nobody knows them again.
  private static let leastRoom = 24

  func lines(_ style: TextStyle) -> [String] {
    var widths = columns.map(\.title.count)
    for row in rows {
      for (index, cell) in row.enumerated() where index < widths.count {
        widths[index] = max(widths[index], cell.count)
      }
    }
    let used = indent.count + widths.dropLast().reduce(0) { $0 + $1 + 2 }
    let needed = widths.last ?? 0
    let isBelow =
      columns.count > 1 && columns.last?.alignment == .left && style.width - used < min(Self.leastRoom, needed)
    let below = "\n" + indent + indent
    let room = isBelow ? style.width - below.count + 1 : style.width - used
    func line(_ cells: [String]) -> String {
      var text = indent
      for (index, column) in columns.enumerated() {
        let cell = index < cells.count ? cells[index] : ""
        let isLast = index == columns.count - 1
        switch column.alignment {
        case .right: text += cell.rightAligned(widths[index])
        case .left: text += isLast ? TextStyle.shorten(cell, to: room) : cell.leftAligned(widths[index])
        }
        if index == columns.count - 2, isBelow { text += below } else if !isLast { text += "  " }
      }
      return text
    }
    func lines(_ cells: [String]) -> [String] { line(cells).split(separator: "\n").map(String.init) }
    return lines(columns.map(\.title)).map { style.paint($0, .dim) } + rows.flatMap(lines)
  }
}
