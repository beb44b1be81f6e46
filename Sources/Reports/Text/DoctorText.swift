import Measurement

/// The doctor's lines: `ok`, `warn` or `fail`, what was found, what to do.
public struct DoctorText: Sendable {
  public var style: TextStyle

  public init(style: TextStyle = TextStyle()) { self.style = style }

  /// The checks as lines of text, ended by a line feed.
  public func render(_ report: DoctorReport) -> String {
    var lines = style.wrap(TextStyle.printable(summary(report))).map { style.paint($0, role(report.worst)) } + [""]
    let width = report.checks.map(\.name.count).max() ?? 0
    for check in report.checks {
      let status = check.status.rawValue
      let label = status.leftAligned(4)
      let name = check.name.leftAligned(width)
      let indent = String(repeating: " ", count: 4 + 2 + width + 2)
      var text = style.wrap(TextStyle.printable(check.detail), first: "\(label)  \(name)  ", rest: indent)
      // Painted last, so that escape sequences do not count as width.
      if let first = text.first { text[0] = style.paint(label, role(check.status)) + first.dropFirst(label.count) }
      if let advice = check.advice {
        text += style.wrap(TextStyle.printable(advice), first: indent + "-> ", rest: indent + "   ")
      }
      lines += text
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func summary(_ report: DoctorReport) -> String {
    let subject =
      if let pid = report.pid { "\(report.name ?? "process") (pid \(pid))" } else { "processes on this machine" }
    return switch report.worst {
    case .ok: "memwhy can look at \(subject)."
    case .warn: "memwhy can look at \(subject), with less than it could tell."
    case .fail: "memwhy cannot look at \(subject) as things are."
    }
  }

  private func role(_ status: DoctorReport.Status) -> TextStyle.Role {
    switch status {
    case .ok: .good
    case .warn: .warning
    case .fail: .bad
    }
  }
}
