import Measurement

/// How wide and how colourful text may be. Decided once, by the command; renderers only ask.
public struct TextStyle: Sendable, Hashable {
  /// Columns; at least 40.
  public var width: Int
  public var color: Bool

  public init(width: Int = 100, color: Bool = false) {
    self.width = max(width, 40)
    self.color = color
  }

  /// What a piece of text is for, not what it looks like.
  public enum Role: Sendable {
    case good, bad, warning, heading, dim
  }

  /// The text in the colour of a role; unchanged without colour.
  public func paint(_ text: String, _ role: Role) -> String {
    guard color, !text.isEmpty else { return text }
    let code =
      switch role {
      case .good: "1;32"
      case .bad: "1;31"
      case .warning: "1;33"
      case .heading: "1"
      case .dim: "2"
      }
    return "\u{1b}[\(code)m\(text)\u{1b}[0m"
  }

  /// Breaks a paragraph at spaces, but not inside `code`. The first line starts with `first`, the others with `rest`.
  public func wrap(_ text: String, first: String = "", rest: String = "") -> [String] {
    var lines: [String] = []
    var line = first
    var isEmpty = true
    for word in Self.words(text) {
      if !isEmpty && line.count + 1 + word.count > width {
        lines.append(line)
        line = rest
        isEmpty = true
      }
      if !isEmpty { line += " " }
      line += word
      isEmpty = false
    }
    lines.append(line)
    return lines
  }

  /// The last line of a list that was cut: how much more there is, and what shows it.
  func more(_ text: String) -> [String] { wrap("and " + text, first: "  ", rest: "    ") }

  /// Words between spaces; what stands between backticks is one word unless it is as long as a line.
  private static func words(_ text: String) -> [Substring] {
    var result: [Substring] = []
    var start = text.startIndex
    var isCode = false
    for index in text.indices {
      if text[index] == "`" { isCode.toggle() }
      if text[index] == " " && (!isCode || text.distance(from: start, to: index) > 32) {
        if start < index { result.append(text[start..<index]) }
        start = text.index(after: index)
      }
    }
    if start < text.endIndex { result.append(text[start...]) }
    return result
  }

  /// Shortens to `limit` characters, keeping both ends: type names differ at their ends.
  public static func shorten(_ text: String, to limit: Int) -> String {
    guard text.count > limit, limit >= 5 else { return text }
    let head = (limit - 1) * 2 / 3
    return "\(text.prefix(head))…\(text.suffix(limit - 1 - head))"
  }

  /// Control characters of names that come from the target must not reach a terminal.
  public static func printable(_ text: String) -> String { SafeText.name(text) }
}
