/// Reads a pattern into a tree.
struct PatternParser {
  struct Failure: Error { var what: String }

  indirect enum Node {
    case empty
    case characters(CharacterSet)
    case assertion(Pattern.Assertion)
    case sequence([Node])
    case alternatives([Node])
    case repeated(Node, from: Int, to: Int?)
  }

  private struct Flags {
    var ignoresCase = false
    var dotMatchesNewline = false
    var isMultiLine = false
  }

  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var flags = Flags()
  private var depth = 0
  /// As in RE2.
  private static let mostRepeats = 1000
  private static let deepest = 200

  static func parse(_ text: String) throws(Failure) -> Node {
    var parser = PatternParser(scalars: Array(text.unicodeScalars))
    let node = try parser.alternatives()
    guard parser.position == parser.scalars.count else { throw Failure(what: "a ) without a (") }
    return node
  }

  private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    position += 1
    return true
  }

  private mutating func alternatives() throws(Failure) -> Node {
    var all = [try sequence()]
    while take("|") { all.append(try sequence()) }
    return all.count == 1 ? all[0] : .alternatives(all)
  }

  private mutating func sequence() throws(Failure) -> Node {
    var parts: [Node] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      let part = try atom()
      parts.append(try repeats(of: part))
    }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func repeats(of node: Node) throws(Failure) -> Node {
    var node = node
    var count = 0
    while let scalar = next {
      switch scalar {
      case "*": node = .repeated(node, from: 0, to: nil)
      case "+": node = .repeated(node, from: 1, to: nil)
      case "?": node = .repeated(node, from: 0, to: 1)
      case "{":
        guard let (from, to) = try bounds() else { return node }
        node = .repeated(node, from: from, to: to)
        position -= 1
      default: return node
      }
      position += 1
      // `a*?` prefers short matches, which makes no difference to whether there is one.
      _ = take("?")
      count += 1
      // `a**` is a slip; RE2 refuses it too.
      if count > 1 { throw Failure(what: "nothing to repeat before a second repetition") }
    }
    return node
  }

  /// `{2}`, `{2,}`, `{2,5}`; nil where the brace is an ordinary character.
  private mutating func bounds() throws(Failure) -> (Int, Int?)? {
    var index = position + 1
    func number() -> Int? {
      let start = index
      var value = 0
      while index < scalars.count, CharacterSet.digit.contains(scalars[index].value), index - start < 6 {
        value = value * 10 + Int(scalars[index].value - 48)
        index += 1
      }
      return index > start ? value : nil
    }
    guard let from = number(), index < scalars.count else { return nil }
    var to: Int? = from
    if scalars[index] == "," {
      index += 1
      to = number()
    }
    guard index < scalars.count, scalars[index] == "}" else { return nil }
    guard from <= Self.mostRepeats, (to ?? from) <= Self.mostRepeats, (to ?? from) >= from else {
      throw Failure(what: "a repetition beyond \(Self.mostRepeats), or from more to less")
    }
    position = index + 1
    return (from, to)
  }

  private mutating func atom() throws(Failure) -> Node {
    let scalar = scalars[position]
    position += 1
    switch scalar {
    case "(": return try group()
    case "[": return .characters(cased(try characterClass()))
    case ".": return .characters(flags.dotMatchesNewline ? .any : .notNewline)
    case "^": return .assertion(flags.isMultiLine ? .lineStart : .textStart)
    case "$": return .assertion(flags.isMultiLine ? .lineEnd : .textEnd)
    case "\\": return try escape()
    case "*", "+", "?": throw Failure(what: "nothing to repeat before \(scalar)")
    default: return .characters(cased(CharacterSet(scalar)))
    }
  }

  private func cased(_ set: CharacterSet) -> CharacterSet { flags.ignoresCase ? set.ignoringCase : set }

  private mutating func group() throws(Failure) -> Node {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepest else { throw Failure(what: "groups nested too deeply") }
    let outer = flags
    if take("?") {
      if take("P") || next == "<" {
        guard take("<"), let end = scalars[position...].firstIndex(of: ">") else {
          throw Failure(what: "a group's name without < and >")
        }
        position = end + 1
      } else {
        try readFlags()
        // Flags alone hold to the end of the group around them.
        if take(")") { return .empty }
        guard take(":") else { throw Failure(what: "a ( without a )") }
      }
    }
    let inside = try alternatives()
    guard take(")") else { throw Failure(what: "a ( without a )") }
    flags = outer
    return inside
  }

  /// `i`, `-s` and the like, up to the `:` or `)` behind them.
  private mutating func readFlags() throws(Failure) {
    var turnsOn = true
    while let scalar = next, scalar != ":", scalar != ")" {
      switch scalar {
      case "i": flags.ignoresCase = turnsOn
      case "s": flags.dotMatchesNewline = turnsOn
      case "m": flags.isMultiLine = turnsOn
      // Which of several matches is preferred makes no difference to whether there is one.
      case "U": break
      case "-": turnsOn = false
      default: throw Failure(what: "an unknown group (?\(scalar)")
      }
      position += 1
    }
  }

  private mutating func escape() throws(Failure) -> Node {
    guard let scalar = next else { throw Failure(what: "a \\ at the end") }
    switch scalar {
    case "b":
      position += 1
      return .assertion(.wordBoundary)
    case "B":
      position += 1
      return .assertion(.noWordBoundary)
    case "A":
      position += 1
      return .assertion(.textStart)
    case "z":
      position += 1
      return .assertion(.textEnd)
    case "Q":
      position += 1
      var parts: [Node] = []
      while position < scalars.count {
        if scalars[position] == "\\", position + 1 < scalars.count, scalars[position + 1] == "E" {
          position += 2
          break
        }
        parts.append(.characters(cased(CharacterSet(scalars[position]))))
        position += 1
      }
      return .sequence(parts)
    default: return .characters(cased(try escapedSet()))
    }
  }

  /// Behind a `\`, in a class or outside.
  private mutating func escapedSet() throws(Failure) -> CharacterSet {
    guard let scalar = next else { throw Failure(what: "a \\ at the end") }
    position += 1
    switch scalar {
    case "d": return .digit
    case "D": return CharacterSet(CharacterSet.digit.ranges, isNegated: true)
    case "s": return .space
    case "S": return CharacterSet(CharacterSet.space.ranges, isNegated: true)
    case "w": return .word
    case "W": return CharacterSet(CharacterSet.word.ranges, isNegated: true)
    case "n": return CharacterSet("\n")
    case "t": return CharacterSet("\t")
    case "r": return CharacterSet("\r")
    case "f": return CharacterSet("\u{0c}")
    case "v": return CharacterSet("\u{0b}")
    case "x": return CharacterSet(try hexadecimal())
    default:
      guard !CharacterSet.word.contains(scalar.value) else { throw Failure(what: "an unknown escape \\\(scalar)") }
      return CharacterSet(scalar)
    }
  }

  private mutating func hexadecimal() throws(Failure) -> Unicode.Scalar {
    var digits = ""
    if take("{") {
      while let scalar = next, scalar != "}", digits.count < 8 {
        digits.unicodeScalars.append(scalar)
        position += 1
      }
      _ = take("}")
    } else {
      for _ in 0..<2 {
        guard let scalar = next else { break }
        digits.unicodeScalars.append(scalar)
        position += 1
      }
    }
    guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value) else {
      throw Failure(what: "\\x without a number")
    }
    return scalar
  }

  private mutating func characterClass() throws(Failure) -> CharacterSet {
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    var isFirst = true
    while true {
      guard let scalar = next else { throw Failure(what: "a [ without a ]") }
      if scalar == "]", !isFirst { break }
      isFirst = false
      if scalar == "[", let named = namedClass() {
        ranges += named
        continue
      }
      position += 1
      var set = CharacterSet(scalar)
      if scalar == "\\" { set = try escapedSet() }
      if set.isNegated {
        ranges += Self.complement(set.ranges)
        continue
      }
      let low = set.ranges[0].lowerBound
      let isOne = set.ranges.count == 1 && set.ranges[0].count == 1
      if isOne, next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
        position += 1
        var end = CharacterSet(scalars[position])
        position += 1
        if end.ranges[0].lowerBound == 0x5c { end = try escapedSet() }
        guard end.ranges.count == 1, !end.isNegated, end.ranges[0].lowerBound >= low else {
          throw Failure(what: "a range from more to less")
        }
        ranges.append(low...end.ranges[0].lowerBound)
      } else {
        ranges += set.ranges
      }
    }
    position += 1
    return CharacterSet(ranges, isNegated: isNegated)
  }

  private static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    var low: UInt32 = 0
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > low { result.append(low...(range.lowerBound - 1)) }
      low = range.upperBound + 1
    }
    return result + [low...0x10ffff]
  }

  private static let named: [(String, [ClosedRange<UInt32>])] = [
    ("alpha", [65...90, 97...122]), ("digit", CharacterSet.digit.ranges), ("alnum", [48...57, 65...90, 97...122]),
    ("upper", [65...90]),
    ("lower", [97...122]), ("space", [9...13, 32...32]), ("punct", [33...47, 58...64, 91...96, 123...126]),
    ("xdigit", [48...57, 65...70, 97...102]), ("word", CharacterSet.word.ranges),
  ]

  /// `[:alpha:]` inside a class.
  private mutating func namedClass() -> [ClosedRange<UInt32>]? {
    for (name, ranges) in Self.named {
      let text = Array("[:\(name):]".unicodeScalars)
      if scalars[position...].starts(with: text) {
        position += text.count
        return ranges
      }
    }
    return nil
  }
}
