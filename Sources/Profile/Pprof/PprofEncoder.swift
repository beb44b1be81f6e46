/// Writes a profile in pprof's format (google/pprof proto/profile.proto). Ids are indices + 1.
public enum PprofEncoder {
  /// Gzipped, as all tools take it.
  public static func gzip(_ profile: Profile) throws(ProfileError) -> [UInt8] { try Gzip.pack(encode(profile)) }

  /// Not packed. O(size).
  public static func encode(_ profile: Profile) -> [UInt8] {
    var out = WireWriter()
    var strings = profile.strings
    for type in profile.sampleTypes { out.add(1, valueType(type, &strings)) }
    for index in 0..<profile.samples.count { out.add(2, sample(profile.samples, index)) }
    for (index, mapping) in profile.mappings.enumerated() { out.add(3, Self.mapping(mapping, index)) }
    for (index, location) in profile.locations.enumerated() { out.add(4, Self.location(location, index, profile)) }
    for (index, function) in profile.functions.enumerated() { out.add(5, Self.function(function, index)) }
    var rest = WireWriter()
    rest.add(7, nonzero: UInt64(strings.intern(profile.dropFrames)))
    rest.add(8, nonzero: UInt64(strings.intern(profile.keepFrames)))
    rest.add(9, nonzero: UInt64(bitPattern: profile.timeNanoseconds))
    rest.add(10, nonzero: UInt64(bitPattern: profile.durationNanoseconds))
    if profile.periodType != Profile.ValueType("", "") || profile.period != 0 {
      rest.add(11, valueType(profile.periodType, &strings))
      rest.add(12, nonzero: UInt64(bitPattern: profile.period))
    }
    rest.addPacked(13, profile.comments.map { UInt64(strings.intern($0)) })
    rest.add(14, nonzero: UInt64(strings.intern(profile.defaultSampleType)))
    for text in strings.texts { out.add(6, text.utf8) }
    out.append(rest)
    return out.bytes
  }

  private static func valueType(_ type: Profile.ValueType, _ strings: inout StringTable) -> WireWriter {
    var out = WireWriter()
    out.add(1, nonzero: UInt64(strings.intern(type.type)))
    out.add(2, nonzero: UInt64(strings.intern(type.unit)))
    return out
  }

  private static func sample(_ samples: SampleTable, _ index: Int) -> WireWriter {
    var out = WireWriter()
    out.addPacked(1, samples.stack(index).lazy.map { UInt64($0) + 1 })
    out.addPacked(2, samples.values(index).lazy.map { UInt64(bitPattern: $0) })
    for label in samples.labels(index) {
      var part = WireWriter()
      part.add(1, nonzero: UInt64(label.key))
      part.add(2, nonzero: UInt64(label.text))
      part.add(3, nonzero: UInt64(bitPattern: label.number))
      part.add(4, nonzero: UInt64(label.unit))
      out.add(3, part)
    }
    return out
  }

  private static func mapping(_ mapping: Profile.Mapping, _ index: Int) -> WireWriter {
    var out = WireWriter()
    out.add(1, nonzero: UInt64(index + 1))
    out.add(2, nonzero: mapping.start)
    out.add(3, nonzero: mapping.limit)
    out.add(4, nonzero: mapping.fileOffset)
    out.add(5, nonzero: UInt64(mapping.file))
    out.add(6, nonzero: UInt64(mapping.buildID))
    out.add(7, nonzero: mapping.hasFunctions ? 1 : 0)
    out.add(8, nonzero: mapping.hasFilenames ? 1 : 0)
    out.add(9, nonzero: mapping.hasLineNumbers ? 1 : 0)
    out.add(10, nonzero: mapping.hasInlineFrames ? 1 : 0)
    return out
  }

  private static func location(_ location: Profile.Location, _ index: Int, _ profile: Profile) -> WireWriter {
    var out = WireWriter()
    out.add(1, nonzero: UInt64(index + 1))
    out.add(2, nonzero: location.mapping.map { UInt64($0 + 1) } ?? 0)
    out.add(3, nonzero: location.address)
    for line in profile.lines(of: location) {
      var part = WireWriter()
      part.add(1, nonzero: line.function.map { UInt64($0 + 1) } ?? 0)
      part.add(2, nonzero: UInt64(bitPattern: line.number))
      out.add(4, part)
    }
    out.add(5, nonzero: location.isFolded ? 1 : 0)
    return out
  }

  private static func function(_ function: Profile.Function, _ index: Int) -> WireWriter {
    var out = WireWriter()
    out.add(1, nonzero: UInt64(index + 1))
    out.add(2, nonzero: UInt64(function.name))
    out.add(3, nonzero: UInt64(function.systemName))
    out.add(4, nonzero: UInt64(function.file))
    out.add(5, nonzero: UInt64(bitPattern: function.startLine))
    return out
  }
}

/// The few parts of Protocol Buffers' wire format that writing a profile takes (protobuf.dev, "Encoding").
struct WireWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  /// A number; 0 is the default and is not written.
  mutating func add(_ field: UInt64, nonzero value: UInt64) {
    guard value != 0 else { return }
    varint(field << 3)
    varint(value)
  }

  mutating func add(_ field: UInt64, _ message: WireWriter) { add(field, message.bytes) }

  mutating func add(_ field: UInt64, _ content: some Collection<UInt8>) {
    varint(field << 3 | 2)
    varint(UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  mutating func addPacked(_ field: UInt64, _ values: some Collection<UInt64>) {
    guard !values.isEmpty else { return }
    var packed = WireWriter()
    for value in values { packed.varint(value) }
    add(field, packed)
  }

  mutating func append(_ other: WireWriter) { bytes += other.bytes }
}
