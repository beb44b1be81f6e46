/// Folds SQL byte by byte. Not a parser: it knows strings, numbers, comments, names and lists in parentheses of MySQL and PostgreSQL.
struct SQLFolder {
  private enum State {
    case plain
    /// Inside quotes of this kind.
    case string(UInt8)
    case afterBackslash(UInt8)
    case name(UInt8)
    case lineComment
    case blockComment
    /// Inside a word or a number.
    case word
    case number
    /// After a dollar: `$1`, or the beginning of `$tag$`.
    case dollar
    /// In a dollar-quoted string of PostgreSQL; how much of its end was seen.
    case dollarString(matched: Int)
  }

  /// Where the two differ, a string of one is text of the other: contents of strings must not be shown.
  enum Dialect {
    /// `"` quotes a string, `\` escapes, `#` begins a comment.
    case mysql
    /// `"` quotes a name, `\` escapes in `E'…'` only, `$tag$` quotes.
    case postgresql
  }

  private let dialect: Dialect
  private var escapes = false
  private var tag: [UInt8] = []

  init(_ dialect: Dialect) {
    self.dialect = dialect
    escapes = dialect == .mysql
  }

  private(set) var text = ""
  private(set) var longestList = 0
  private var state = State.plain
  private var last: UInt8 = 0
  /// Elements of the lists of literals that are open, innermost last; nil for parentheses with something else in them.
  private var lists: [Int?] = []
  private var listStarts: [String.Index] = []
  /// Rows of `VALUES (…), (…)` that were folded.
  private var rows = 0
  private static let longestText = 4_096
  /// Lists in lists; outer ones beyond that are forgotten.
  private static let deepest = 64

  mutating func add(_ byte: UInt8) {
    defer { last = byte }
    switch state {
    case .string(let quote):
      if byte == UInt8(ascii: "\\"), escapes { state = .afterBackslash(quote) } else if byte == quote { state = .plain }
    case .afterBackslash(let quote): state = .string(quote)
    case .name(let quote):
      append(byte)
      if byte == quote { state = .plain }
    case .lineComment: if byte == 10 { state = .plain }
    case .blockComment: if byte == UInt8(ascii: "/"), last == UInt8(ascii: "*") { state = .plain }
    case .word:
      if Self.isWord(byte) { append(byte) } else { leave(byte) }
    case .number:
      // 1.5e-3 and 0xff are numbers; so is what a name cannot begin with.
      let isExponent = (byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")) && last | 0x20 == UInt8(ascii: "e")
      if !Self.isWord(byte) && byte != UInt8(ascii: ".") && !isExponent { leave(byte) }
    case .dollar: dollar(byte)
    case .dollarString(let matched):
      let next = byte == tag[matched] ? matched + 1 : byte == tag[0] ? 1 : 0
      state = next == tag.count ? .plain : .dollarString(matched: next)
    case .plain: plain(byte)
    }
  }

  /// A digit makes it a parameter, another dollar the beginning of a string.
  private mutating func dollar(_ byte: UInt8) {
    if tag.count == 1, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
      state = .number
    } else if byte == UInt8(ascii: "$") {
      tag.append(byte)
      state = .dollarString(matched: 0)
    } else if Self.isWord(byte), tag.count < 64 {
      tag.append(byte)
    } else {
      leave(byte)
    }
  }

  private mutating func leave(_ byte: UInt8) {
    state = .plain
    plain(byte)
  }

  private mutating func plain(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "'"):
      // A doubled quote goes on with the string before it.
      if last != byte { literal() }
      escapes = dialect == .mysql || last | 0x20 == UInt8(ascii: "e")
      state = .string(byte)
    case UInt8(ascii: "\"") where dialect == .mysql:
      if last != byte { literal() }
      state = .string(byte)
    case UInt8(ascii: "\""), UInt8(ascii: "`"):
      other()
      append(byte)
      state = .name(byte)
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      literal()
      state = .number
    case UInt8(ascii: "$"), UInt8(ascii: "?"):
      // Parameters: `$1` of PostgreSQL, `?` of MySQL.
      literal()
      tag = [byte]
      state = byte == UInt8(ascii: "$") ? .dollar : .plain
    case UInt8(ascii: "-") where last == byte:
      if text.hasSuffix("-") { text.removeLast() }
      state = .lineComment
    case UInt8(ascii: "#") where dialect == .mysql: state = .lineComment
    case UInt8(ascii: "*") where last == UInt8(ascii: "/"):
      if text.hasSuffix("/") { text.removeLast() }
      state = .blockComment
    case UInt8(ascii: "("): openList()
    case UInt8(ascii: ")"): closeList()
    case UInt8(ascii: ","):
      if lists.last != .some(nil), lists.last != nil { return }
      append(byte)
      append(32)
    case 9, 10, 13, 32: if last != 32 && !text.hasSuffix(" ") && !text.hasSuffix("(") { append(32) }
    default:
      if Self.isWord(byte) {
        other()
        append(byte)
        state = .word
      } else {
        // A sign before a number is a part of it, an operator is not.
        if byte != UInt8(ascii: "-") && byte != UInt8(ascii: "+") { other() }
        append(byte)
      }
    }
  }

  private mutating func literal() {
    if text.hasSuffix("-") || text.hasSuffix("+") {
      let before = text.dropLast().last
      if before == "(" || before == "," || before == "=" || before == " " { text.removeLast() }
    }
    guard let last = lists.last, let count = last else {
      append(UInt8(ascii: "?"))
      return
    }
    lists[lists.count - 1] = count + 1
    if count == 0 { append(UInt8(ascii: "?")) }
  }

  /// Something that is no literal: the parentheses hold no plain list.
  private mutating func other() {
    if let last = lists.last, let count = last {
      // Commas were left out while it looked like a list.
      if count > 0 { text += ", " }
      lists[lists.count - 1] = nil
    }
  }

  private mutating func openList() {
    if !lists.isEmpty { lists[lists.count - 1] = nil }
    append(UInt8(ascii: "("))
    lists.append(0)
    listStarts.append(text.endIndex)
    if lists.count > Self.deepest {
      lists.removeFirst()
      listStarts.removeFirst()
    }
  }

  private mutating func closeList() {
    guard let list = lists.popLast() else {
      append(UInt8(ascii: ")"))
      return
    }
    let start = listStarts.removeLast()
    guard let count = list, count > 0 else {
      append(UInt8(ascii: ")"))
      return
    }
    // The few characters that can decide; statements have thousands of parentheses.
    let before = text[..<min(start, text.endIndex)].suffix(8).uppercased()
    let isRow = ["VALUES (", "VALUES(", "), ("].contains(where: before.hasSuffix)
    // Arguments of a function are no list.
    if before.hasSuffix(" IN (") || before.hasSuffix(" IN(") { longestList = max(longestList, count) }
    if start <= text.endIndex {
      text = String(text[..<start])
      text += count > 1 ? "?…" : "?"
    }
    append(UInt8(ascii: ")"))
    if isRow { foldRows() }
  }

  /// `VALUES (?…), (?…)` keeps one row.
  private mutating func foldRows() {
    for row in ["(?…)", "(?)"] {
      let twice = row + ", " + row
      guard text.hasSuffix(twice) else { continue }
      text.removeLast(row.count + 2)
      rows = max(rows, 1) + 1
      longestList = max(longestList, rows)
      return
    }
    rows = 1
  }

  private mutating func append(_ byte: UInt8) {
    guard text.utf8.count < Self.longestText else { return }
    text.unicodeScalars.append(byte < 32 || byte >= 127 ? "." : UnicodeScalar(byte))
  }

  mutating func finish() {
    while let last = text.last, last == " " || last == ";" { text.removeLast() }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 128...255:
      true
    default: false
    }
  }
}
