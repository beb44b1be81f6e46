/// JSON for large outputs, written as it goes (RFC 8259). Also safe inside an HTML `<script>`.
struct JSONText {
  private(set) var bytes: [UInt8] = []

  mutating func raw(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }
  mutating func number(_ value: Int64) { bytes.append(contentsOf: String(value).utf8) }

  mutating func string(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": raw("\\\"")
      case "\\": raw("\\\\")
      // `</script>` and `<!--` would end or change the block around it; the last two end lines in old JavaScript.
      case "<", ">", "&", "\u{0}"..."\u{1f}", "\u{7f}", "\u{2028}", "\u{2029}":
        bytes.append(contentsOf: "\\u\(CFormat.hexadecimal(UInt64(scalar.value), digits: 4))".utf8)
      default: bytes.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// The items with commas.
  mutating func list<Item>(_ items: some Sequence<Item>, _ write: (Item, inout JSONText) -> Void) {
    raw("[")
    var isFirst = true
    for item in items {
      if !isFirst { raw(",") }
      isFirst = false
      write(item, &self)
    }
    raw("]")
  }
}
