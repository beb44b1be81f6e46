/// `--tagfocus --tagignore --tagshow --taghide`: by the labels of samples (google/pprof internal/driver/driver_focus.go).
///
/// `key=value` looks at one key, a value alone at all. A value like `32kb`, `:64kb`, `4mb:` or `12kb:64mb` is a range of numbers, anything else a list of patterns
/// with commas.
struct TagFilter {
  private enum Condition {
    case range(NumberRange)
    case patterns([Pattern])
  }

  private let key: StringID?
  /// The key is given but no sample has it.
  private let keyIsUnknown: Bool
  private let condition: Condition

  init(_ text: String, option: String, _ profile: Profile) throws(ProfileError) {
    var value = Substring(text)
    if let equals = text.firstIndex(of: "=") {
      key = profile.strings.id(of: String(text[..<equals]))
      keyIsUnknown = key == nil
      value = text[text.index(after: equals)...]
    } else {
      key = nil
      keyIsUnknown = false
    }
    if let range = NumberRange(String(value)) {
      condition = .range(range)
    } else {
      var patterns: [Pattern] = []
      for part in value.split(separator: ",", omittingEmptySubsequences: false) {
        patterns.append(try Pattern(String(part), option: option))
      }
      condition = .patterns(patterns)
    }
  }

  func matches(_ labels: ArraySlice<Profile.Label>, _ strings: StringTable, units: [StringID: String]) -> Bool {
    if keyIsUnknown { return false }
    switch condition {
    case .range(let range):
      return labels.contains { label in
        label.isNumber && (key == nil || label.key == key) && range.contains(label.number, unit: units[label.key] ?? "")
      }
    case .patterns(let patterns):
      let texts = labels.filter { $0.text != 0 && (key == nil || $0.key == key) }
      if key != nil {
        return patterns.contains { pattern in texts.contains { pattern.matches(strings[$0.text]) } }
      }
      return patterns.allSatisfy { pattern in
        texts.contains { pattern.matches("\(strings[$0.key]):\(strings[$0.text])") }
      }
    }
  }
}

/// Numbers with units between two bounds.
struct NumberRange {
  private var low: Double?
  private var high: Double?
  private var unit: String

  /// nil for a text that is no range.
  init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    switch parts.count {
    case 1:
      guard let (number, unit) = Self.number(parts[0]) else { return nil }
      (low, self.unit) = ValueUnit.scale(number, from: unit, to: unit)
      high = low
    case 2:
      let first = Self.number(parts[0])
      let second = Self.number(parts[1])
      guard parts[0].isEmpty || first != nil, parts[1].isEmpty || second != nil,
        let given = first ?? second
      else { return nil }
      unit = ValueUnit.scale(given.0, from: given.1, to: given.1).unit
      if let first { low = ValueUnit.scale(first.0, from: first.1, to: first.1).value }
      if let second {
        let (value, otherUnit) = ValueUnit.scale(second.0, from: second.1, to: unit)
        guard otherUnit == unit else { return nil }
        high = value
      }
    default: return nil
    }
  }

  func contains(_ number: Int64, unit: String) -> Bool {
    let (value, scaled) = ValueUnit.scale(number, from: unit, to: self.unit)
    return scaled == self.unit && (low.map { value >= $0 } ?? true) && (high.map { value <= $0 } ?? true)
  }

  /// `-12kb` as the number and the unit.
  private static func number(_ text: Substring) -> (Int64, String)? {
    let sign = text.prefix { $0 == "+" || $0 == "-" }
    guard sign.count <= 1 else { return nil }
    let digits = text.dropFirst(sign.count).prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(sign.count + digits.count)
    guard !digits.isEmpty, unit.allSatisfy({ $0.isASCII && $0.isLetter }), let number = Int64(sign + digits) else {
      return nil
    }
    return (number, String(unit))
  }
}

extension Profile {
  /// Takes away labels whose key does not match `show`, or matches `hide`. Returns whether each matched any.
  mutating func filterLabels(show: Pattern?, hide: Pattern?) -> (show: Bool, hide: Bool) {
    var (shown, hidden) = (false, false)
    let old = samples
    samples = old.rewritten { index, new in
      let kept = old.labels(index).filter { label in
        let isShown = show?.matches(strings[label.key]) ?? true
        let isHidden = hide?.matches(strings[label.key]) ?? false
        shown = shown || isShown
        hidden = hidden || isHidden
        return isShown && !isHidden
      }
      new.append(stack: old.stack(index), values: old.values(index), labels: kept)
    }
    return (shown, hidden)
  }

  /// The unit of each number label's key: the first that is named; without one a guess by the key.
  func numberUnits() -> [StringID: String] {
    var result: [StringID: String] = [:]
    for label in samples.labels where label.isNumber && result[label.key, default: ""].isEmpty {
      result[label.key] = strings[label.unit]
    }
    for (key, unit) in result where unit.isEmpty {
      let name = strings[key]
      result[key] = name == "alignment" || name == "request" ? "bytes" : name
    }
    return result
  }

  /// `--tagroot`, `--tagleaf`: frames made of labels, at the root or the leaf. Returns whether any sample had one of the keys.
  mutating func addLabelFrames(root: [String], leaf: [String], unit: String) -> (root: Bool, leaf: Bool) {
    guard !root.isEmpty || !leaf.isEmpty else { return (false, false) }
    var known: [Function: UInt32] = [:]
    var found = (root: false, leaf: false)
    let old = samples
    func frames(_ keys: [String], _ labels: ArraySlice<Label>, _ profile: inout Profile, _ found: inout Bool)
      -> [UInt32]
    {
      keys.reversed().map { key in
        let values = labels.filter { profile.strings[$0.key] == key }.map { label in
          label.text != 0
            ? profile.strings[label.text] : ValueUnit.label(label.number, from: profile.strings[label.unit], to: unit)
        }
        found = found || !values.isEmpty
        let function = Function(
          name: profile.strings.intern(values.joined(separator: ",")), file: profile.strings.intern(key))
        if let location = known[function] { return location }
        profile.functions.append(function)
        let location = Location(address: 0, mapping: nil, firstLine: profile.lines.count, lineCount: 1)
        profile.lines.append(Line(function: profile.functions.count - 1))
        profile.locations.append(location)
        known[function] = UInt32(truncatingIfNeeded: profile.locations.count - 1)
        return known[function] ?? 0
      }
    }
    samples = old.rewritten { index, new in
      let labels = old.labels(index)
      let outer = frames(root, labels, &self, &found.root)
      let inner = frames(leaf, labels, &self, &found.leaf)
      new.append(stack: inner + old.stack(index) + outer, values: old.values(index), labels: labels)
    }
    return found
  }
}
