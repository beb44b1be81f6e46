/// An entry of a numbered list: a first line behind its number, and further ones below it.
struct ListEntry {
  private let style: TextStyle
  private let indent: String
  private(set) var lines: [String]

  /// - Parameters:
  ///   - position: from 1.
  ///   - head: the first line, which may be broken; its further lines stand further in if `hangs`.
  init(_ style: TextStyle, _ position: Int, _ head: String, hangs: Bool = false) {
    let number = "  \(position). "
    self.style = style
    indent = String(repeating: " ", count: number.count)
    lines = style.wrap(TextStyle.printable(head), first: number, rest: hangs ? indent + "  " : indent)
  }

  mutating func add(_ text: String) {
    lines += style.wrap(TextStyle.printable(text), first: indent, rest: indent + "  ")
  }

  /// An address, which is not broken.
  mutating func add(example address: String) { lines.append(indent + "for instance at \(address)") }
}
