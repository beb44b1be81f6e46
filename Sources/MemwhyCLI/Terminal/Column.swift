import Measurement

/// Text in columns.
enum Column {
  /// At least one space in front.
  static func right(_ text: String, _ width: Int) -> String { " " + text.rightAligned(width - 1) }

  /// Two spaces in front.
  static func left(_ text: String, _ width: Int) -> String { "  " + text.leftAligned(width) }
}
