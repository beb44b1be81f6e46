/// A pattern against the names of a profile; every name is matched once.
///
/// Names are matched as they stand in the profile, which is what pprof does. Where none matches, they are matched as reports show them, so that a name may be
/// copied from a report.
struct NameMatcher {
  private enum Answer: UInt8 { case unknown, no, yes }

  private let pattern: Pattern
  private let names: FunctionNames
  private let usesShownNames: Bool
  private var answers: [Answer]

  init(_ pattern: Pattern, _ profile: Profile, _ names: FunctionNames) {
    self.pattern = pattern
    self.names = names
    answers = [Answer](repeating: .unknown, count: profile.strings.count)
    var found = names.style == .asIs
    for function in profile.functions where !found {
      found =
        Self.answer(pattern, function.name, profile, &answers) || Self.answer(pattern, function.file, profile, &answers)
    }
    for mapping in profile.mappings where !found { found = Self.answer(pattern, mapping.file, profile, &answers) }
    usesShownNames = !found
    if usesShownNames { answers = [Answer](repeating: .unknown, count: profile.strings.count) }
  }

  private static func answer(_ pattern: Pattern, _ id: StringID, _ profile: Profile, _ answers: inout [Answer]) -> Bool
  {
    let index = Int(id)
    if answers[index] == .unknown { answers[index] = pattern.matches(profile.strings[id]) ? .yes : .no }
    return answers[index] == .yes
  }

  mutating func matches(_ id: StringID, _ strings: StringTable) -> Bool {
    let index = Int(id)
    guard index < answers.count else { return pattern.matches(strings[id]) }
    if answers[index] == .unknown {
      let text = strings[id]
      answers[index] = pattern.matches(usesShownNames ? names.display(text) : text) ? .yes : .no
    }
    return answers[index] == .yes
  }

  /// The function of a line, by name or file.
  mutating func matches(_ line: Profile.Line, _ profile: Profile) -> Bool {
    guard let index = line.function else { return false }
    let function = profile.functions[index]
    return matches(function.name, profile.strings) || matches(function.file, profile.strings)
  }

  mutating func matchesMapping(_ location: Profile.Location, _ profile: Profile) -> Bool {
    guard let mapping = location.mapping else { return false }
    return matches(profile.mappings[mapping].file, profile.strings)
  }

  /// Any of its lines, or its binary.
  mutating func matches(_ location: Profile.Location, _ profile: Profile) -> Bool {
    for line in profile.lines(of: location) where matches(line, profile) { return true }
    return matchesMapping(location, profile)
  }
}
