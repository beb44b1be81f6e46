/// Text in columns.
enum Column {
  static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 1)) + text
  }

  static func left(_ text: String, _ width: Int) -> String {
    "  " + text + String(repeating: " ", count: max(width - text.count, 0))
  }
}
