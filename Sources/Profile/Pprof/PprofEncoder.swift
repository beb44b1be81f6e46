/// Writes a profile in pprof's format. Ids are indices + 1.
public enum PprofEncoder {
  /// Gzipped, as all tools take it.
  public static func gzip(_ profile: Profile) throws(ProfileError) -> [UInt8] { try Gzip.pack(encode(profile)) }

  /// Not packed. O(size).
  public static func encode(_ profile: Profile) -> [UInt8] {
    typealias Field = PprofField.Profile
    var out = WireWriter()
    var strings = profile.strings
    for type in profile.sampleTypes { out.add(Field.sampleType, valueType(type, &strings)) }
    for index in 0..<profile.samples.count { out.add(Field.sample, sample(profile.samples, index)) }
    for (index, mapping) in profile.mappings.enumerated() { out.add(Field.mapping, Self.mapping(mapping, index)) }
    for (index, location) in profile.locations.enumerated() {
      out.add(Field.location, Self.location(location, index, profile))
    }
    for (index, function) in profile.functions.enumerated() { out.add(Field.function, Self.function(function, index)) }
    var rest = WireWriter()
    rest.add(Field.dropFrames, nonzero: UInt64(strings.intern(profile.dropFrames)))
    rest.add(Field.keepFrames, nonzero: UInt64(strings.intern(profile.keepFrames)))
    rest.add(Field.time, nonzero: UInt64(bitPattern: profile.timeNanoseconds))
    rest.add(Field.duration, nonzero: UInt64(bitPattern: profile.durationNanoseconds))
    if profile.periodType != Profile.ValueType("", "") || profile.period != 0 {
      rest.add(Field.periodType, valueType(profile.periodType, &strings))
      rest.add(Field.period, nonzero: UInt64(bitPattern: profile.period))
    }
    rest.addPacked(Field.comment, profile.comments.map { UInt64(strings.intern($0)) })
    rest.add(Field.defaultSampleType, nonzero: UInt64(strings.intern(profile.defaultSampleType)))
    for text in strings.texts { out.add(Field.string, text.utf8) }
    out.append(rest)
    return out.bytes
  }

  private static func valueType(_ type: Profile.ValueType, _ strings: inout StringTable) -> WireWriter {
    typealias Field = PprofField.ValueType
    var out = WireWriter()
    out.add(Field.type, nonzero: UInt64(strings.intern(type.type)))
    out.add(Field.unit, nonzero: UInt64(strings.intern(type.unit)))
    return out
  }

  private static func sample(_ samples: SampleTable, _ index: Int) -> WireWriter {
    var out = WireWriter()
    out.addPacked(PprofField.Sample.location, samples.stack(index).lazy.map { UInt64($0) + 1 })
    out.addPacked(PprofField.Sample.value, samples.values(index).lazy.map { UInt64(bitPattern: $0) })
    for label in samples.labels(index) {
      var part = WireWriter()
      part.add(PprofField.Label.key, nonzero: UInt64(label.key))
      part.add(PprofField.Label.text, nonzero: UInt64(label.text))
      part.add(PprofField.Label.number, nonzero: UInt64(bitPattern: label.number))
      part.add(PprofField.Label.unit, nonzero: UInt64(label.unit))
      out.add(PprofField.Sample.label, part)
    }
    return out
  }

  private static func mapping(_ mapping: Profile.Mapping, _ index: Int) -> WireWriter {
    typealias Field = PprofField.Mapping
    var out = WireWriter()
    out.add(Field.id, nonzero: UInt64(index + 1))
    out.add(Field.start, nonzero: mapping.start)
    out.add(Field.limit, nonzero: mapping.limit)
    out.add(Field.fileOffset, nonzero: mapping.fileOffset)
    out.add(Field.file, nonzero: UInt64(mapping.file))
    out.add(Field.buildID, nonzero: UInt64(mapping.buildID))
    out.add(Field.hasFunctions, nonzero: mapping.hasFunctions ? 1 : 0)
    out.add(Field.hasFilenames, nonzero: mapping.hasFilenames ? 1 : 0)
    out.add(Field.hasLineNumbers, nonzero: mapping.hasLineNumbers ? 1 : 0)
    out.add(Field.hasInlineFrames, nonzero: mapping.hasInlineFrames ? 1 : 0)
    return out
  }

  private static func location(_ location: Profile.Location, _ index: Int, _ profile: Profile) -> WireWriter {
    typealias Field = PprofField.Location
    var out = WireWriter()
    out.add(Field.id, nonzero: UInt64(index + 1))
    out.add(Field.mapping, nonzero: location.mapping.map { UInt64($0 + 1) } ?? 0)
    out.add(Field.address, nonzero: location.address)
    for line in profile.lines(of: location) {
      var part = WireWriter()
      part.add(PprofField.Line.function, nonzero: line.function.map { UInt64($0 + 1) } ?? 0)
      part.add(PprofField.Line.number, nonzero: UInt64(bitPattern: line.number))
      out.add(Field.line, part)
    }
    out.add(Field.isFolded, nonzero: location.isFolded ? 1 : 0)
    return out
  }

  private static func function(_ function: Profile.Function, _ index: Int) -> WireWriter {
    typealias Field = PprofField.Function
    var out = WireWriter()
    out.add(Field.id, nonzero: UInt64(index + 1))
    out.add(Field.name, nonzero: UInt64(function.name))
    out.add(Field.systemName, nonzero: UInt64(function.systemName))
    out.add(Field.file, nonzero: UInt64(function.file))
    out.add(Field.startLine, nonzero: UInt64(bitPattern: function.startLine))
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
  mutating func add(_ field: UInt32, nonzero value: UInt64) {
    guard value != 0 else { return }
    varint(UInt64(field) << 3)
    varint(value)
  }

  mutating func add(_ field: UInt32, _ message: WireWriter) { add(field, message.bytes) }

  mutating func add(_ field: UInt32, _ content: some Collection<UInt8>) {
    varint(UInt64(field) << 3 | 2)
    varint(UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  mutating func addPacked(_ field: UInt32, _ values: some Collection<UInt64>) {
    guard !values.isEmpty else { return }
    var packed = WireWriter()
    for value in values { packed.varint(value) }
    add(field, packed)
  }

  mutating func append(_ other: WireWriter) { bytes += other.bytes }
}
