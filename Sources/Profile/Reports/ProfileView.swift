import Measurement

/// A profile as one report sees it: one kind of value, filtered, at one granularity.
struct ProfileView {
  var profile: Profile
  var options: ProfileOptions
  let names: FunctionNames
  let sampleIndex: Int
  /// Sum of all values before filtering, which is 100 %.
  private(set) var total: Int64 = 0
  let numberUnits: [StringID: String]
  var remarks: [String]

  /// - Throws: `badPattern`, `noSampleType`.
  init(_ session: ProfileSession, _ options: ProfileOptions) throws(ProfileError) {
    var profile = session.profile
    remarks = session.remarks
    guard options.divideBy != 0, options.divideBy.isFinite else { throw .badOption(what: "--divide-by must not be 0") }
    switch options.runtimeFrames {
    case .asRecorded: try profile.dropUninteresting()
    case .folded:
      if profile.dropFrames.isEmpty { profile.dropFrames = RuntimeFunctions.dropFrames }
      try profile.dropUninteresting()
    case .shown: break
    }
    names = FunctionNames(style: options.names, of: profile)
    numberUnits = profile.numberUnits()
    let keys = (root: Self.list(options.tagRoot), leaf: Self.list(options.tagLeaf))
    let found = profile.addLabelFrames(root: keys.root, leaf: keys.leaf, unit: options.unit)
    if !keys.root.isEmpty, !found.root { remarks.append("no sample has the label of --tagroot") }
    if !keys.leaf.isEmpty, !found.leaf { remarks.append("no sample has the label of --tagleaf") }
    sampleIndex = try Self.index(of: options.sampleIndex, profile)
    self.options = options
    self.profile = profile
    if options.relativePercentages { try filter() }
    total = Self.total(self.profile, sampleIndex, mean: options.mean)
    if !options.relativePercentages { try filter() }
    self.profile.aggregate(options.granularity, noInlines: options.noInlines)
  }

  private static func list(_ text: String) -> [String] { text.split(separator: ",").map(String.init) }

  var sampleType: Profile.ValueType { profile.sampleTypes[sampleIndex] }
  var divisorIndex: Int? { options.mean ? 0 : nil }

  private static func index(of name: String, _ profile: Profile) throws(ProfileError) -> Int {
    let known = profile.sampleTypes.map(\.type)
    guard !known.isEmpty else { throw .noSampleType(name: name, known: []) }
    if name.isEmpty { return profile.defaultSampleIndex }
    if let number = Int(name) {
      guard known.indices.contains(number) else { throw .noSampleType(name: name, known: known) }
      return number
    }
    // Names that old versions of Go's tools took.
    let old = name.hasPrefix("inuse_") ? String(name.dropFirst("inuse_".count)) : name
    guard let index = known.firstIndex(of: name) ?? known.firstIndex(of: old) else {
      throw .noSampleType(name: name, known: known)
    }
    return index
  }

  /// Sum of the values without their signs; of the base alone where there is one to compare with.
  private static func total(_ profile: Profile, _ index: Int, mean: Bool) -> Int64 {
    var all: (sum: Int64, divisor: Int64) = (0, 0)
    var base: (sum: Int64, divisor: Int64) = (0, 0)
    let key = profile.strings.id(of: ProfileSession.baseLabel)
    let text = profile.strings.id(of: "true")
    for sample in 0..<profile.samples.count {
      let value = profile.samples.value(sample, index).clampedMagnitude
      let divisor = mean ? profile.samples.value(sample, 0) : 0
      all.sum &+= value
      all.divisor &+= divisor
      if let key, let text, profile.samples.labels(sample).contains(where: { $0.key == key && $0.text == text }) {
        base.sum &+= value
        base.divisor &+= divisor
      }
    }
    let total = base.sum > 0 ? base : all
    return total.divisor == 0 ? total.sum : total.sum.dividedReportingOverflow(by: total.divisor).partialValue
  }

  private mutating func filter() throws(ProfileError) {
    func pattern(_ text: String, _ option: String) throws(ProfileError) -> Pattern? {
      text.isEmpty ? nil : try Pattern(text, option: option)
    }
    func matcher(_ text: String, _ option: String) throws(ProfileError) -> NameMatcher? {
      try pattern(text, option).map { NameMatcher($0, profile, names) }
    }
    let focus = try matcher(options.focus, "--focus")
    let ignore = try matcher(options.ignore, "--ignore")
    let hide = try matcher(options.hide, "--hide")
    let show = try matcher(options.show, "--show")
    if focus != nil || ignore != nil || hide != nil || show != nil {
      let found = profile.filter(focus: focus, ignore: ignore, hide: hide, show: show)
      note(focus != nil && !found.focus, "--focus")
      note(ignore != nil && !found.ignore, "--ignore")
      note(hide != nil && !found.hide, "--hide")
      note(show != nil && !found.show, "--show")
    } else {
      // pprof's focus on everything: samples without a stack go.
      if (0..<profile.samples.count).contains(where: { profile.samples.frameRange($0).isEmpty }) {
        profile.keepSamples { samples, index in !samples.frameRange(index).isEmpty }
      }
    }
    if let start = try matcher(options.showFrom, "--show-from") { note(!profile.showFrom(start), "--show-from") }
    try filterByLabels()
    let shown = try pattern(options.tagShow, "--tagshow")
    let hidden = try pattern(options.tagHide, "--taghide")
    if shown != nil || hidden != nil {
      let found = profile.filterLabels(show: shown, hide: hidden)
      note(shown != nil && !found.show, "--tagshow")
      note(hidden != nil && !found.hide, "--taghide")
    }
    if let from = try pattern(options.pruneFrom, "--prune-from") { profile.pruneFrom(from) }
  }

  private mutating func filterByLabels() throws(ProfileError) {
    let focus = options.tagFocus.isEmpty ? nil : try TagFilter(options.tagFocus, option: "--tagfocus", profile)
    let ignore = options.tagIgnore.isEmpty ? nil : try TagFilter(options.tagIgnore, option: "--tagignore", profile)
    guard focus != nil || ignore != nil else { return }
    var found = (focus: false, ignore: false)
    let strings = profile.strings
    let units = numberUnits
    profile.keepSamples { samples, index in
      let labels = samples.labels(index)
      let isFocused = focus?.matches(labels, strings, units: units) ?? true
      let isIgnored = ignore?.matches(labels, strings, units: units) ?? false
      found.focus = found.focus || isFocused
      found.ignore = found.ignore || isIgnored
      return isFocused && !isIgnored
    }
    note(focus != nil && !found.focus, "--tagfocus")
    note(ignore != nil && !found.ignore, "--tagignore")
  }

  private mutating func note(_ matchedNothing: Bool, _ option: String) {
    if matchedNothing { remarks.append("\(option) matched no samples") }
  }

  // MARK: Numbers as text

  /// A value in `unit`, divided by `--divide-by`.
  func format(_ value: Int64, unit: String) -> String {
    let ratio = 1 / options.divideBy
    var value = value
    if ratio > 0, ratio != 1 { value = Self.scaled(value, ratio) }
    return ValueUnit.label(value, from: sampleType.unit, to: unit)
  }

  /// The product, cut to a whole number.
  static func scaled(_ value: Int64, _ ratio: Double) -> Int64 {
    (Double(value) * ratio).rounded(.towardZero).saturated
  }
}
