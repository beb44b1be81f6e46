/// Writes types as people do: `Optional<Dictionary<Int, Array<T>>>` as `[Int : [T]]?`. The run-time demangler has no such option.
public enum TypeSugar {
  /// Nesting that is looked into; deeper types stay as they are.
  private static let deepest = 32

  /// `name` with arrays, dictionaries and optionals in their short form; names of modules must be gone already. O(length x nesting).
  public static func applied(to name: String) -> String {
    String(decoding: apply(Array(name.utf8)[...], depth: 0), as: UTF8.self)
  }

  private static let heads: [(text: [UInt8], form: Form)] = [
    (Array("Array<".utf8), .array), (Array("Dictionary<".utf8), .dictionary), (Array("Optional<".utf8), .optional),
  ]
  private enum Form {
    case array, dictionary, optional
    var argumentCount: Int { self == .dictionary ? 2 : 1 }
  }

  private static func apply(_ bytes: ArraySlice<UInt8>, depth: Int) -> [UInt8] {
    guard depth < deepest else { return Array(bytes) }
    var result: [UInt8] = []
    var index = bytes.startIndex
    while index < bytes.endIndex {
      let startsName = index == bytes.startIndex || !isNamePart(bytes[index - 1])
      if startsName, let head = heads.first(where: { bytes[index...].starts(with: $0.text) }),
        let arguments = arguments(bytes, from: index + head.text.count),
        // First of all: what is read and then left as it was would be read again, twice as often at each level.
        arguments.list.count == head.form.argumentCount,
        let sugared = sugar(arguments.list.map { apply($0, depth: depth + 1) }, head.form)
      {
        result += sugared
        index = arguments.end
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return result
  }

  private static func sugar(_ arguments: [[UInt8]], _ form: Form) -> [UInt8]? {
    switch (form, arguments.count) {
    case (.array, 1): return [UInt8(ascii: "[")] + arguments[0] + [UInt8(ascii: "]")]
    case (.dictionary, 2): return Array("[".utf8) + arguments[0] + Array(" : ".utf8) + arguments[1] + Array("]".utf8)
    case (.optional, 1):
      let text = String(decoding: arguments[0], as: UTF8.self)
      let needsParentheses =
        [" -> ", " & "].contains { NameScanner(text).topLevel($0) != nil } || text.hasPrefix("any ")
      return needsParentheses ? Array("(\(text))?".utf8) : arguments[0] + [UInt8(ascii: "?")]
    default: return nil
    }
  }

  /// The arguments up to the `>` that belongs to the `<` just before `start`, and the offset behind it.
  private static func arguments(_ bytes: ArraySlice<UInt8>, from start: Int) -> (list: [ArraySlice<UInt8>], end: Int)? {
    var depth = 1
    var list: [ArraySlice<UInt8>] = []
    var first = start
    for index in start..<max(start, bytes.endIndex) {
      switch bytes[index] {
      case UInt8(ascii: "<"), UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: ">") where bytes[index - 1] != UInt8(ascii: "-"): depth -= 1
      case UInt8(ascii: ",") where depth == 1:
        guard first <= index else { return nil }
        list.append(bytes[first..<index])
        // A space follows the comma.
        first = min(index + 2, bytes.endIndex)
      default: break
      }
      if depth == 0 { return index >= first ? (list + [bytes[first..<index]], index + 1) : nil }
    }
    return nil
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), UInt8(ascii: "."), 0x80...:
      true
    default: false
    }
  }
}
