/// Puts profiles together: equal stacks with equal labels become one sample, and what no sample uses goes.
///
/// What counts as equal is pprof's rule (google/pprof profile/merge.go): a mapping is its size, offset and build id, or name; a location its offset in the mapping
/// and its lines; so the same code at another address is the same. O(frames).
struct ProfileMerger {
  private struct MappingKey: Hashable {
    var size, offset: UInt64
    var identity: StringID
  }

  private struct LocationKey: Hashable {
    var address: UInt64
    var mapping: UInt32
    var isFolded: Bool
    var lines: [Profile.Line]
  }

  private(set) var result: Profile
  private var mappings: [MappingKey: UInt32] = [:]
  private var functions: [Profile.Function: UInt32] = [:]
  private var locations: [LocationKey: UInt32] = [:]
  /// Hash of frames and labels -> the first sample that has it; samples of one hash are chained by `nextWithHash`.
  private var samples: [Int: Int] = [:]
  private var nextWithHash: [Int] = []
  /// Those of `result.comments`: a file may have millions.
  private var comments: Set<String> = []

  /// - Throws: `incompatible` where the values do not mean the same.
  static func merge(_ profiles: [Profile]) throws(ProfileError) -> Profile {
    guard let first = profiles.first else { throw .incompatible(what: "there is none") }
    var merger = ProfileMerger(first)
    for profile in profiles {
      guard profile.sampleTypes == first.sampleTypes, profile.periodType == first.periodType else {
        throw .incompatible(what: "\(describe(first)) and \(describe(profile)) are different kinds of values")
      }
      merger.addHeader(profile)
      merger.add(profile)
    }
    let result = merger.result
    // Sums may have become zero.
    let hasZero = (0..<result.samples.count).contains { result.samples.isZero($0) }
    return hasZero ? try merge([result]) : result
  }

  private static func describe(_ profile: Profile) -> String {
    profile.sampleTypes.map { "\($0.type)/\($0.unit)" }.joined(separator: " ")
      + " per \(profile.periodType.type)/\(profile.periodType.unit)"
  }

  private init(_ first: Profile) {
    result = Profile(sampleTypes: first.sampleTypes)
    result.dropFrames = first.dropFrames
    result.keepFrames = first.keepFrames
    result.periodType = first.periodType
  }

  private mutating func addHeader(_ profile: Profile) {
    if result.timeNanoseconds == 0 || profile.timeNanoseconds < result.timeNanoseconds {
      result.timeNanoseconds = profile.timeNanoseconds
    }
    result.durationNanoseconds = result.durationNanoseconds.addingClamped(profile.durationNanoseconds)
    if result.period == 0 || result.period < profile.period { result.period = profile.period }
    for comment in profile.comments where comments.insert(comment).inserted { result.comments.append(comment) }
    if result.defaultSampleType.isEmpty { result.defaultSampleType = profile.defaultSampleType }
  }

  private mutating func add(_ profile: Profile) {
    var source = Source(profile)
    // The first mapping is the main binary; keep it first.
    if result.mappings.isEmpty, !profile.mappings.isEmpty { _ = mapping(0, &source) }
    var frames: [UInt32] = []
    var labels: [Profile.Label] = []
    for index in 0..<profile.samples.count where !profile.samples.isZero(index) {
      frames.removeAll(keepingCapacity: true)
      for location in profile.samples.stack(index) { frames.append(self.location(Int(location), &source)) }
      labels.removeAll(keepingCapacity: true)
      for label in profile.samples.labels(index) { labels.append(self.label(label, &source)) }
      if labels.count > 1 { labels = Self.ordered(labels) }
      add(frames, labels, profile.samples.values(index))
    }
  }

  /// Grouped by key, the order within a key kept: labels are a map in pprof's model.
  private static func ordered(_ labels: [Profile.Label]) -> [Profile.Label] {
    labels.enumerated().sorted { ($0.element.key, $0.offset) < ($1.element.key, $1.offset) }.map(\.element)
  }

  private mutating func add(_ frames: [UInt32], _ labels: [Profile.Label], _ values: ArraySlice<Int64>) {
    var hasher = Hasher()
    frames.withUnsafeBytes { hasher.combine(bytes: $0) }
    for label in labels { hasher.combine(label) }
    let hash = hasher.finalize()
    var candidate = samples[hash] ?? -1
    while candidate >= 0 {
      if result.samples.stack(candidate).elementsEqual(frames), result.samples.labels(candidate).elementsEqual(labels) {
        result.samples.add(values, to: candidate)
        return
      }
      candidate = nextWithHash[candidate]
    }
    nextWithHash.append(samples[hash] ?? -1)
    samples[hash] = result.samples.count
    result.samples.append(stack: frames, values: values, labels: labels)
  }

  /// What was already taken over from one profile; `.max` where not yet.
  private struct Source {
    let profile: Profile
    var strings: [StringID]
    var mappings: [UInt32]
    var offsets: [UInt64]
    var functions: [UInt32]
    var locations: [UInt32]

    init(_ profile: Profile) {
      self.profile = profile
      strings = [StringID](repeating: .max, count: profile.strings.count)
      mappings = [UInt32](repeating: .max, count: profile.mappings.count)
      offsets = [UInt64](repeating: 0, count: profile.mappings.count)
      functions = [UInt32](repeating: .max, count: profile.functions.count)
      locations = [UInt32](repeating: .max, count: profile.locations.count)
    }
  }

  private mutating func string(_ id: StringID, _ source: inout Source) -> StringID {
    let known = source.strings[Int(id)]
    if known != .max { return known }
    let new = result.strings.intern(source.profile.strings[id])
    source.strings[Int(id)] = new
    return new
  }

  private mutating func label(_ label: Profile.Label, _ source: inout Source) -> Profile.Label {
    var label = label
    label.key = string(label.key, &source)
    label.text = string(label.text, &source)
    label.unit = string(label.unit, &source)
    return label
  }

  private mutating func mapping(_ index: Int, _ source: inout Source) -> UInt32 {
    if source.mappings[index] != .max { return source.mappings[index] }
    var mapping = source.profile.mappings[index]
    mapping.file = string(mapping.file, &source)
    mapping.buildID = string(mapping.buildID, &source)
    // Up to the next page, to avoid minor discrepancies.
    let size = ((mapping.limit &- mapping.start) &+ 0xfff) & ~0xfff
    let key = MappingKey(
      size: size, offset: mapping.fileOffset, identity: mapping.buildID != 0 ? mapping.buildID : mapping.file)
    let new: UInt32
    if let known = mappings[key] {
      new = known
      source.offsets[index] = result.mappings[Int(known)].start &- mapping.start
    } else {
      new = UInt32(truncatingIfNeeded: result.mappings.count)
      result.mappings.append(mapping)
      mappings[key] = new
    }
    source.mappings[index] = new
    return new
  }

  private mutating func function(_ index: Int, _ source: inout Source) -> UInt32 {
    if source.functions[index] != .max { return source.functions[index] }
    var function = source.profile.functions[index]
    function.name = string(function.name, &source)
    function.systemName = string(function.systemName, &source)
    function.file = string(function.file, &source)
    let new = functions[function] ?? UInt32(truncatingIfNeeded: result.functions.count)
    if functions[function] == nil {
      functions[function] = new
      result.functions.append(function)
    }
    source.functions[index] = new
    return new
  }

  private mutating func location(_ index: Int, _ source: inout Source) -> UInt32 {
    if source.locations[index] != .max { return source.locations[index] }
    let old = source.profile.locations[index]
    var address = old.address
    var key = LocationKey(address: address, mapping: .max, isFolded: old.isFolded, lines: [])
    if let mapping = old.mapping {
      key.mapping = self.mapping(mapping, &source)
      address = old.address &+ source.offsets[mapping]
      key.address = address &- result.mappings[Int(key.mapping)].start
    }
    key.lines = source.profile.lines(of: old).map { line in
      var line = line
      if let function = line.function { line.functionIndex = self.function(function, &source) }
      return line
    }
    let new = locations[key] ?? UInt32(truncatingIfNeeded: result.locations.count)
    if locations[key] == nil {
      locations[key] = new
      result.locations.append(
        Profile.Location(
          address: address, mapping: key.mapping == .max ? nil : Int(key.mapping), firstLine: result.lines.count,
          lineCount: key.lines.count, isFolded: old.isFolded))
      result.lines += key.lines
    }
    source.locations[index] = new
    return new
  }
}
