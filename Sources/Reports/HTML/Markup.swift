import Measurement

/// HTML that is safe by construction: text that is put in is escaped; only other markup goes in as it is.
///
/// `"<b>\(typeName)</b>"` is markup in which the type's name, which came from somebody's process, cannot open a tag, close an attribute or
/// hide in control and direction characters.
struct Markup: Sendable, Hashable, ExpressibleByStringInterpolation {
  private(set) var text: String

  init(stringLiteral value: String) { text = value }

  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  init(_ parts: [Markup], separator: Markup = "") {
    text = parts.map(\.text).joined(separator: separator.text)
  }

  /// Escaped.
  static func text(_ text: some StringProtocol) -> Markup { "\(String(text))" }

  var isEmpty: Bool { text.isEmpty }

  static func + (left: Markup, right: Markup) -> Markup { Markup([left, right]) }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text: String

    init(literalCapacity: Int, interpolationCount: Int) {
      text = ""
      text.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    mutating func appendLiteral(_ literal: String) { text += literal }
    mutating func appendInterpolation(_ markup: Markup) { text += markup.text }
    mutating func appendInterpolation(_ markup: [Markup]) { for part in markup { text += part.text } }
    mutating func appendInterpolation(_ value: some CustomStringConvertible) {
      text += SafeText.html(TextStyle.printable(value.description))
    }
  }
}

extension Markup {
  /// A name from the target: in code type, cut in the middle where it is longer than anybody reads, with a place to break after dots.
  static func name(_ name: String, limit: Int = 240) -> Markup {
    "<code>\(breakable(TextStyle.shorten(TextStyle.printable(name), to: limit)))</code>"
  }

  /// Prose with `code` between backticks.
  static func prose(_ text: String, limit: Int = 480) -> Markup {
    let parts = TextStyle.shorten(TextStyle.printable(text), to: limit).split(
      separator: "`", omittingEmptySubsequences: false)
    // An odd number of backticks means nothing.
    guard parts.count % 2 == 1 else { return "\(parts.joined(separator: "`"))" }
    return Markup(
      parts.enumerated().map { index, part in
        index % 2 == 1 ? "<code>\(breakable(String(part)))</code>" : unbroken(part)
      })
  }

  /// A narrow screen would break a line inside of an arrow, behind its hyphen.
  private static func unbroken(_ text: Substring) -> Markup {
    Markup(text.split(separator: "->", omittingEmptySubsequences: false).map { .text($0) }, separator: arrow)
  }

  private static let arrow: Markup = #"<span class="arrow">-&gt;</span>"#

  private static func breakable(_ text: String) -> Markup {
    guard text.count > 24 else { return .text(text) }
    return Markup(text.split(separator: ".", omittingEmptySubsequences: false).map { .text($0) }, separator: ".<wbr/>")
  }
}
