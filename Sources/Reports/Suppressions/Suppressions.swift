/// Leaks that a team knows and accepts: `leak:PATTERN` lines, each under a comment that says why.
///
/// The format is LeakSanitizer's with two differences: a comment is required, and a pattern must match as a whole.
/// Documented in `docs/suppressions.md`.
public struct Suppressions: Sendable, Hashable {
  /// A line of the file.
  public struct Rule: Sendable, Hashable {
    /// What has to match: a name with `*` for any run of characters.
    public var pattern: String
    /// The comment above it, without `#`.
    public var reason: String
    /// Counted from 1.
    public var line: Int
  }

  public var path: String
  public var rules: [Rule]

  /// No rules.
  public init() {
    self.path = ""
    self.rules = []
  }

  /// - Parameters:
  ///   - text: the file's content.
  ///   - path: named in errors.
  /// - Throws: `ReportsError.badSuppression` with the first line that is neither a rule, a comment nor empty, or a rule
  ///   without a comment above it.
  public init(parsing text: String, path: String) throws(ReportsError) {
    self.path = path
    self.rules = []
    var comment: [String] = []
    var lastWasRule = false
    for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let line = String(Self.trimmed(raw))
      func failure(_ reason: String) -> ReportsError {
        .badSuppression(path: path, line: index + 1, text: line, reason: reason)
      }
      if line.isEmpty {
        comment = []
        lastWasRule = false
      } else if line.hasPrefix("#") {
        // A comment after rules starts a new paragraph; consecutive rules share the one above them.
        if lastWasRule { comment = [] }
        comment.append(String(Self.trimmed(line.dropFirst())))
        lastWasRule = false
      } else {
        guard let colon = line.firstIndex(of: ":"), line[..<colon] == "leak" else {
          throw failure("expected `leak:PATTERN` or a comment that starts with #")
        }
        let pattern = String(Self.trimmed(line[line.index(after: colon)...]))
        if pattern.isEmpty { throw failure("the pattern is empty; write `leak:Type.field`, with * for any characters") }
        if pattern.allSatisfy({ $0 == "*" }) { throw failure("this would hide every leak; name a type or a field") }
        if comment.allSatisfy(\.isEmpty) {
          throw failure("add a comment line (# why this leak is accepted) directly above")
        }
        rules.append(Rule(pattern: pattern, reason: comment.joined(separator: " "), line: index + 1))
        lastWasRule = true
      }
    }
  }

  private static func trimmed(_ text: some StringProtocol) -> Substring {
    var result = text[...].description[...]
    while let first = result.first, first.isWhitespace { result = result.dropFirst() }
    while let last = result.last, last.isWhitespace { result = result.dropLast() }
    return result
  }

  /// Takes the suppressed groups out of `leaks` and counts them.
  public func apply(to leaks: ReportModel.Leaks) -> ReportModel.Leaks {
    guard leaks.isJudged, !rules.isEmpty else { return leaks }
    var used = Set<Int>()
    var suppressed = ReportModel.Suppressed()
    var kept: [ReportModel.LeakGroup] = []
    for group in leaks.groups {
      let hits = hits(on: group)
      used.formUnion(hits)
      if hits.isEmpty {
        kept.append(group)
      } else {
        suppressed.groups &+= 1
        suppressed.blocks &+= group.blocks
        suppressed.bytes &+= group.bytes
      }
    }
    suppressed.unusedRules = rules.indices.filter { !used.contains($0) }.map {
      "\(path):\(rules[$0].line): leak:\(rules[$0].pattern)"
    }
    return ReportModel.Leaks(groups: kept, suppressed: suppressed)
  }

  /// Whether a rule takes a group away.
  public func accepts(_ group: ReportModel.LeakGroup) -> Bool { !hits(on: group).isEmpty }

  private func hits(on group: ReportModel.LeakGroup) -> [Int] {
    let names = Self.names(of: group)
    return rules.indices.filter { index in names.contains { Glob.matches(rules[index].pattern, $0) } }
  }

  /// What a pattern can match in a group: `Type.field` and types of its edges, its type, the function a task waits in, its
  /// fingerprint. Not the types of everything that hangs on it: `leak:String` would hide too much.
  private static func names(of group: ReportModel.LeakGroup) -> Set<String> {
    var names: Set<String> = [group.type, group.fingerprint]
    for edge in group.edges {
      names.formUnion([edge.source + edge.fieldSuffix, edge.source, edge.target])
    }
    if let function = group.waitsIn { names.insert(function) }
    return names
  }
}
