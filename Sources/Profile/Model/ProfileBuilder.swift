/// Makes a profile piece by piece. Equal pieces are kept once, so a caller may simply describe every frame of every sample.
///
///     var builder = ProfileBuilder(sampleTypes: Profile.heapSampleTypes)
///     let app = builder.mapping(start: 0x5000, limit: 0x9000, file: "/srv/app", buildID: "4f1c…")
///     let load = builder.function(name: "Store.load()", systemName: "$s3app5StoreC4loadyyF", file: "Store.swift", startLine: 12)
///     let leaf = builder.location(address: 0x5123, mapping: app, lines: [.init(function: load, number: 17)])
///     builder.add(stack: [leaf], values: [1, 64, 1, 64], labels: [.text("thread", "worker 1"), .number("bytes", 64, unit: "bytes")])
///     let bytes = PprofEncoder.gzip(builder.profile)
public struct ProfileBuilder: Sendable {
  /// What was built so far. Its properties that are not described by the methods below (time, period, comments) may be set here.
  public var profile: Profile

  private var mappingIndices: [Profile.Mapping: Int] = [:]
  private var functionIndices: [Profile.Function: Int] = [:]
  private var locationIndices: [LocationKey: Int] = [:]

  private struct LocationKey: Hashable {
    var address: UInt64
    var mapping: Int?
    var isFolded: Bool
    var lines: [Profile.Line]
  }

  /// A label in the caller's words.
  public enum Label: Sendable, Hashable {
    case text(String, String)
    case number(String, Int64, unit: String)
  }

  public init(sampleTypes: [Profile.ValueType]) { profile = Profile(sampleTypes: sampleTypes) }

  /// Index of a mapping. The first one that is added counts as the main binary.
  ///
  /// - Parameter isSymbolized: its locations come with functions, files, lines and inlined frames.
  public mutating func mapping(
    start: UInt64, limit: UInt64, fileOffset: UInt64 = 0, file: String, buildID: String = "", isSymbolized: Bool = false
  ) -> Int {
    let mapping = Profile.Mapping(
      start: start, limit: limit, fileOffset: fileOffset, file: intern(file), buildID: intern(buildID),
      hasFunctions: isSymbolized, hasFilenames: isSymbolized, hasLineNumbers: isSymbolized,
      hasInlineFrames: isSymbolized)
    if let known = mappingIndices[mapping] { return known }
    profile.mappings.append(mapping)
    mappingIndices[mapping] = profile.mappings.count - 1
    return profile.mappings.count - 1
  }

  /// Index of a function.
  public mutating func function(name: String, systemName: String = "", file: String = "", startLine: Int = 0) -> Int {
    let function = Profile.Function(
      name: intern(name), systemName: intern(systemName), file: intern(file), startLine: Int64(startLine))
    if let known = functionIndices[function] { return known }
    profile.functions.append(function)
    functionIndices[function] = profile.functions.count - 1
    return profile.functions.count - 1
  }

  /// Index of a location.
  ///
  /// - Parameter lines: none for an address that is not symbolised; several where functions are inlined, the innermost first.
  public mutating func location(
    address: UInt64, mapping: Int? = nil, lines: [Profile.Line] = [], isFolded: Bool = false
  ) -> Int {
    let key = LocationKey(address: address, mapping: mapping, isFolded: isFolded, lines: lines)
    if let known = locationIndices[key] { return known }
    profile.locations.append(
      Profile.Location(
        address: address, mapping: mapping, firstLine: profile.lines.count, lineCount: lines.count, isFolded: isFolded))
    profile.lines += lines
    locationIndices[key] = profile.locations.count - 1
    return profile.locations.count - 1
  }

  /// Adds a sample.
  ///
  /// - Parameters:
  ///   - stack: locations, the leaf first. Indices that no location has are left out.
  ///   - values: one for each sample type, in its unit.
  public mutating func add(stack: [Int], values: [Int64], labels: [Label] = []) {
    let known = stack.lazy.filter { [count = profile.locations.count] in $0 >= 0 && $0 < count }
    let marks = labels.map { label in
      switch label {
      case .text(let key, let text): Profile.Label(key: intern(key), text: intern(text))
      case .number(let key, let number, let unit): Profile.Label(key: intern(key), number: number, unit: intern(unit))
      }
    }
    profile.samples.append(stack: known.map { UInt32(truncatingIfNeeded: $0) }, values: values, labels: marks)
  }

  private mutating func intern(_ text: String) -> StringID { profile.strings.intern(text) }
}
