import Measurement

enum ReportText {
  /// Lines as the text of a report, without what terminals act on.
  static func page(_ lines: [String]) -> String { lines.map(SafeText.line).joined(separator: "\n") + "\n" }
}
