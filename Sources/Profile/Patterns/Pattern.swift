/// A regular expression in RE2's syntax (github.com/google/re2/wiki/Syntax), which is what pprof's users type: without captures, back-references and
/// Unicode classes.
///
/// All states are followed at once (Thompson 1968; Cox, "Regular Expression Matching Can Be Simple And Fast"), so a search takes time in proportion to pattern x
/// text whatever the pattern is: patterns come from profiles, too.
struct Pattern: Sendable {
  private let program: [Instruction]
  /// Plain characters only: a substring search does.
  private let literal: [UInt8]?

  enum Instruction: Sendable {
    case characters(CharacterSet)
    case split(Int, Int)
    case jump(Int)
    case assertion(Assertion)
    case match
  }

  enum Assertion: Sendable { case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary }

  /// - Throws: `badPattern`, naming the option that it was given for.
  init(_ text: String, option: String) throws(ProfileError) {
    do throws(PatternParser.Failure) {
      program = try PatternCompiler.compile(try PatternParser.parse(text))
    } catch {
      throw .badPattern(option: option, pattern: text, what: error.what)
    }
    let special = Array(#"\.+*?()|[]{}^$"#.utf8)
    literal = text.utf8.contains(where: special.contains) ? nil : Array(text.utf8)
  }

  /// Whether it occurs anywhere in `name`. O(pattern x text).
  func matches(_ name: String) -> Bool {
    if let literal { return Self.contains(name, literal) }
    return search(Array(name.unicodeScalars))
  }

  private static func contains(_ name: String, _ literal: [UInt8]) -> Bool {
    guard let first = literal.first else { return true }
    var name = name
    return name.withUTF8 { bytes in
      guard bytes.count >= literal.count else { return false }
      for start in 0...(bytes.count - literal.count) where bytes[start] == first {
        var index = 1
        while index < literal.count, bytes[start + index] == literal[index] { index += 1 }
        if index == literal.count { return true }
      }
      return false
    }
  }

  private func search(_ scalars: [Unicode.Scalar]) -> Bool {
    var current = StateSet(capacity: program.count)
    var next = StateSet(capacity: program.count)
    for position in 0...scalars.count {
      // The match may start anywhere.
      if follow(0, &current, scalars, position) { return true }
      guard position < scalars.count else { return false }
      next.clear()
      let scalar = scalars[position].value
      for state in current.members {
        guard case .characters(let set) = program[state], set.contains(scalar) else { continue }
        if follow(state + 1, &next, scalars, position + 1) { return true }
      }
      swap(&current, &next)
    }
    return false
  }

  /// Adds a state and all that it leads to without a character; true at the end of the pattern.
  private func follow(_ state: Int, _ set: inout StateSet, _ scalars: [Unicode.Scalar], _ position: Int) -> Bool {
    var pending = [state]
    while let state = pending.popLast() {
      guard set.insert(state) else { continue }
      switch program[state] {
      case .match: return true
      case .characters: break
      case .jump(let target): pending.append(target)
      case .split(let first, let second):
        pending.append(second)
        pending.append(first)
      case .assertion(let assertion):
        if Self.holds(assertion, scalars, position) { pending.append(state + 1) }
      }
    }
    return false
  }

  private static func holds(_ assertion: Assertion, _ scalars: [Unicode.Scalar], _ position: Int) -> Bool {
    func isWord(_ index: Int) -> Bool {
      index >= 0 && index < scalars.count && CharacterSet.word.contains(scalars[index].value)
    }
    switch assertion {
    case .textStart: return position == 0
    case .textEnd: return position == scalars.count
    case .lineStart: return position == 0 || scalars[position - 1] == "\n"
    case .lineEnd: return position == scalars.count || scalars[position] == "\n"
    case .wordBoundary: return isWord(position - 1) != isWord(position)
    case .noWordBoundary: return isWord(position - 1) == isWord(position)
    }
  }

  /// States without duplicates, cleared in O(1) (Briggs, Torczon 1993).
  private struct StateSet {
    private(set) var members: [Int] = []
    private var place: [Int]

    init(capacity: Int) { place = [Int](repeating: 0, count: capacity) }

    mutating func clear() { members.removeAll(keepingCapacity: true) }

    mutating func insert(_ state: Int) -> Bool {
      let slot = place[state]
      if slot < members.count, members[slot] == state { return false }
      place[state] = members.count
      members.append(state)
      return true
    }
  }
}
