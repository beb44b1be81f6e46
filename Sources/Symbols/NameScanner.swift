/// Looks at a demangled name byte by byte, with brackets counted. Offsets are UTF-8 offsets.
struct NameScanner {
  private let bytes: [UInt8]

  init(_ text: String) { bytes = Array(text.utf8) }

  /// Place of a separator outside all brackets.
  struct Match {
    var start, end: Int
  }

  func prefix(upTo match: Match) -> String { String(decoding: bytes[..<match.start], as: UTF8.self) }
  func suffix(after match: Match) -> String { String(decoding: bytes[match.end...], as: UTF8.self) }

  /// First place of `separator` outside all brackets.
  func topLevel(_ separator: String) -> Match? {
    let pattern = Array(separator.utf8)
    var depth = 0
    for index in bytes.indices {
      if depth == 0, bytes[index] == pattern[0], bytes[index...].starts(with: pattern) {
        return Match(start: index, end: index + pattern.count)
      }
      depth = self.depth(after: index, depth)
    }
    return nil
  }

  private func depth(after index: Int, _ depth: Int) -> Int {
    switch bytes[index] {
    case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "<"): return depth + 1
    case UInt8(ascii: ")"), UInt8(ascii: "]"): return max(0, depth - 1)
    case UInt8(ascii: ">"):
      // Not the head of an arrow.
      return index > 0 && bytes[index - 1] == UInt8(ascii: "-") ? depth : max(0, depth - 1)
    default: return depth
    }
  }

  /// Offset one past the bracket that closes the one at `open`; the end where none does.
  private func end(ofBracketAt open: Int) -> Int {
    var depth = 0
    for index in open..<bytes.count {
      depth = self.depth(after: index, depth)
      if depth == 0 { return index + 1 }
    }
    return bytes.count
  }

  private static func isIdentifier(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
      true
    default: false
    }
  }

  /// What follows `(3) ` at the start.
  func afterPartNumber() -> String? {
    guard bytes.first == UInt8(ascii: "(") else { return nil }
    let digits = bytes.dropFirst().prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    let end = 1 + digits.count
    guard !digits.isEmpty, end + 1 < bytes.count, bytes[end] == UInt8(ascii: ")"), bytes[end + 1] == UInt8(ascii: " ")
    else { return nil }
    return String(decoding: bytes[(end + 2)...], as: UTF8.self)
  }

  /// The end of `closure #12`, `implicit closure #1`, `helper #2`, where such a name starts the text.
  func closureNumberEnd() -> Match? {
    guard let mark = topLevel(" #") else { return nil }
    // A parameter list before it means that the number belongs to something else.
    guard !bytes[..<mark.start].contains(UInt8(ascii: "(")) else { return nil }
    var end = mark.end
    while end < bytes.count, bytes[end] >= UInt8(ascii: "0"), bytes[end] <= UInt8(ascii: "9") { end += 1 }
    return end > mark.end ? Match(start: end, end: end) : nil
  }

  /// `(extension in M):` is dropped; `(name in _HASH)` of a private declaration becomes `name`.
  func withoutExtensionAndDiscriminators() -> String {
    let mark = Array("(extension in ".utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "("), bytes[index...].starts(with: mark) {
        index = end(ofBracketAt: index)
        if index < bytes.count, bytes[index] == UInt8(ascii: ":") { index += 1 }
        continue
      }
      if bytes[index] == UInt8(ascii: "("), let name = privateName(at: index) {
        result += bytes[name]
        index = end(ofBracketAt: index)
        continue
      }
      result.append(bytes[index])
      index += 1
    }
    return String(decoding: result, as: UTF8.self)
  }

  private func privateName(at open: Int) -> Range<Int>? {
    let start = open + 1
    let name = bytes[start...].prefix(while: Self.isIdentifier)
    let mark = Array(" in _".utf8)
    guard !name.isEmpty, bytes[name.endIndex...].starts(with: mark) else { return nil }
    let hash = bytes[(name.endIndex + mark.count)...].prefix(while: Self.isIdentifier)
    guard hash.endIndex < bytes.count, bytes[hash.endIndex] == UInt8(ascii: ")") else { return nil }
    return name.startIndex..<name.endIndex
  }

  /// `M.T.f<A>(x: Swift.Int, _: A) async throws -> B` becomes `M.T.f(x:_:)`; without a parameter list nothing changes.
  func withLabelsOnly() -> String {
    var index = 0
    var result: [UInt8] = []
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "<"), index > 0, Self.isIdentifier(bytes[index - 1]) {
        // Generic parameters of a function go, arguments of a type stay.
        let end = end(ofBracketAt: index)
        if end < bytes.count, bytes[end] == UInt8(ascii: "(") {
          index = end
          continue
        }
        result += withoutConstraints(bytes[index..<end])
        index = end
        continue
      }
      if byte == UInt8(ascii: "("), index > 0, bytes[index - 1] != UInt8(ascii: " ") {
        let end = end(ofBracketAt: index)
        result += labels(in: index + 1..<max(index + 1, end - 1))
        return String(decoding: result, as: UTF8.self) + accessor(after: end)
      }
      result.append(byte)
      index += 1
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// `<A where A == Swift.Int>` -> `<A>`.
  private func withoutConstraints(_ arguments: ArraySlice<UInt8>) -> [UInt8] {
    guard let end = NameScanner(String(decoding: arguments.dropFirst(), as: UTF8.self)).topLevel(" where ") else {
      return Array(arguments)
    }
    return end.start == 0 ? [] : arguments.prefix(end.start + 1) + [UInt8(ascii: ">")]
  }

  /// `.getter` and the like behind a subscript's parameters.
  private func accessor(after end: Int) -> String {
    guard end < bytes.count, bytes[end] == UInt8(ascii: ".") else { return "" }
    return String(decoding: bytes[end...].prefix { $0 == UInt8(ascii: ".") || Self.isIdentifier($0) }, as: UTF8.self)
  }

  private func labels(in range: Range<Int>) -> [UInt8] {
    var result: [UInt8] = [UInt8(ascii: "(")]
    var depth = 0
    var start = range.lowerBound
    for index in range.lowerBound...range.upperBound {
      let isEnd = index == range.upperBound
      if isEnd || (depth == 0 && bytes[index] == UInt8(ascii: ",")) {
        let parameter = bytes[start..<index].drop { $0 == UInt8(ascii: " ") }
        let label = parameter.prefix(while: Self.isIdentifier)
        if label.endIndex < index, bytes[label.endIndex] == UInt8(ascii: ":"), !label.isEmpty {
          result += label + [UInt8(ascii: ":")]
        } else if !parameter.isEmpty {
          result += Array("_:".utf8)
        }
        start = index + 1
      }
      if !isEnd { depth = self.depth(after: index, depth) }
    }
    return result + [UInt8(ascii: ")")]
  }

  /// Without `Swift.` and the like where a qualified name begins.
  func removing(qualifiers: [String]) -> String {
    let patterns = qualifiers.map { Array($0.utf8) }
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      let startsName = index == 0 || !(Self.isIdentifier(bytes[index - 1]) || bytes[index - 1] == UInt8(ascii: "."))
      if startsName, let pattern = patterns.first(where: { bytes[index...].starts(with: $0) }) {
        index += pattern.count
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
