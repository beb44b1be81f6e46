import Measurement
import Reports
import Wire

/// Statements as a table, those with the most bytes first.
enum WireText {
  static func lines(_ report: WireReport, limit: Int, style: TextStyle) -> [String] {
    var lines = [
      "\(report.source), port \(report.port): \(Count(report.packets).of("packet")) of \(Count(report.connections).of("connection")), "
        + "\(ByteCount(report.payloadBytes)) in \(TimeSpan(nanoseconds: UInt64(max(report.seconds, 0) * 1e9)))"
    ]
    if report.missedPackets > 0 {
      lines.append("\(Count(report.missedPackets).of("packet")) came too fast and are missing")
    }
    if report.statements.isEmpty {
      lines.append(
        report.packets > 0
          ? "no statement was seen"
          : report.remarks.isEmpty
            ? "no packet passed; is the port right, and does traffic go through this machine?" : "no packet passed")
    } else {
      lines += [""] + table(report.statements, limit: limit, style: style)
    }
    let hidden = report.statements.dropFirst(limit)
    if !hidden.isEmpty {
      lines.append(
        "  and \(Count(hidden.count).of("more statement")): \(ByteCount(hidden.reduce(0) { $0 + $1.bytes })) in "
          + Count(hidden.reduce(0) { $0 + $1.calls }).of("call"))
    }
    if report.otherCalls > 0 { lines.append("  and \(Count(report.otherCalls).of("call")) of further statements") }
    if !report.remarks.isEmpty { lines.append("") }
    for remark in report.remarks { lines += style.wrap(remark, first: "- ", rest: "  ") }
    return lines
  }

  private static func table(_ statements: [WireReport.Statement], limit: Int, style: TextStyle) -> [String] {
    let titles = ["BYTES", "CALLS", "ROWS", "LARGEST", "LIST", "MEAN", "STATEMENT"]
    var rows: [[String]] = []
    for statement in statements.prefix(limit) {
      let mean = statement.calls > 0 ? statement.totalSeconds / Double(statement.calls) : 0
      rows.append([
        "\(ByteCount(statement.bytes))", "\(Count(statement.calls))", "\(Count(statement.rows))",
        "\(ByteCount(statement.largestAnswer))", statement.longestList > 1 ? "\(Count(statement.longestList))" : "",
        "\(TimeSpan(nanoseconds: UInt64(max(mean, 0) * 1e9)))",
        statement.statement + (statement.errors > 0 ? "  (\(Count(statement.errors).of("error")))" : ""),
      ])
    }
    let widths = titles.indices.map { column in ([titles] + rows).map { $0[column].count }.max() ?? 0 }
    let used = widths.dropLast().reduce(0) { $0 + $1 + 2 } + 2
    func line(_ cells: [String]) -> String {
      var text = "  "
      for (column, cell) in cells.enumerated() {
        if column == cells.count - 1 {
          text += String(cell.prefix(max(20, style.width - used)))
        } else {
          text += cell.rightAligned(widths[column]) + "  "
        }
      }
      return text
    }
    return [style.paint(line(titles), .dim)] + rows.map(line)
  }
}
