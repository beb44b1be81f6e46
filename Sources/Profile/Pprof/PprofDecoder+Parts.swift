/// Mappings, functions, locations and samples.
extension PprofDecoder {
  mutating func readMapping(_ field: WireReader.Field) throws(ProfileError) {
    typealias Field = PprofField.Mapping
    var id: UInt64 = 0
    var mapping = Profile.Mapping(start: 0, limit: 0, file: 0)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      guard part.kind == .varint else { continue }
      switch part.number {
      case Field.id: id = part.value
      case Field.start: mapping.start = part.value
      case Field.limit: mapping.limit = part.value
      case Field.fileOffset: mapping.fileOffset = part.value
      case Field.file: mapping.file = try string(part.value)
      case Field.buildID: mapping.buildID = try string(part.value)
      case Field.hasFunctions: mapping.hasFunctions = part.value != 0
      case Field.hasFilenames: mapping.hasFilenames = part.value != 0
      case Field.hasLineNumbers: mapping.hasLineNumbers = part.value != 0
      case Field.hasInlineFrames: mapping.hasInlineFrames = part.value != 0
      default: break
      }
    }
    guard mappingIDs.add(id) else { throw badID("mapping", id) }
    profile.mappings.append(mapping)
  }

  mutating func readFunction(_ field: WireReader.Field) throws(ProfileError) {
    typealias Field = PprofField.Function
    var id: UInt64 = 0
    var function = Profile.Function(name: 0)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      guard part.kind == .varint else { continue }
      switch part.number {
      case Field.id: id = part.value
      case Field.name: function.name = try string(part.value)
      case Field.systemName: function.systemName = try string(part.value)
      case Field.file: function.file = try string(part.value)
      case Field.startLine: function.startLine = Int64(bitPattern: part.value)
      default: break
      }
    }
    guard functionIDs.add(id) else { throw badID("function", id) }
    profile.functions.append(function)
  }

  mutating func readLocation(_ field: WireReader.Field) throws(ProfileError) {
    typealias Field = PprofField.Location
    var id: UInt64 = 0
    var location = Profile.Location(address: 0, mapping: nil, firstLine: profile.lines.count, lineCount: 0)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      switch (part.number, part.kind) {
      case (Field.id, .varint): id = part.value
      case (Field.mapping, .varint):
        if part.value == 0 { continue }
        guard let index = mappingIDs[part.value] else { throw missing("mapping", part.value, of: "location \(id)") }
        location.mappingIndex = index
      case (Field.address, .varint): location.address = part.value
      case (Field.line, .bytes):
        profile.lines.append(try line(part, location: id))
        location.lineCount += 1
      case (Field.isFolded, .varint): location.isFolded = part.value != 0
      default: break
      }
    }
    guard locationIDs.add(id) else { throw badID("location", id) }
    profile.locations.append(location)
  }

  private func line(_ field: WireReader.Field, location: UInt64) throws(ProfileError) -> Profile.Line {
    typealias Field = PprofField.Line
    var line = Profile.Line(function: nil)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      switch (part.number, part.kind) {
      case (Field.function, .varint):
        if part.value == 0 { continue }
        guard let index = functionIDs[part.value] else {
          throw missing("function", part.value, of: "location \(location)")
        }
        line.functionIndex = index
      case (Field.number, .varint): line.number = Int64(bitPattern: part.value)
      default: break
      }
    }
    return line
  }

  mutating func readSample(_ field: WireReader.Field) throws(ProfileError) {
    typealias Field = PprofField.Sample
    let firstValue = profile.samples.values.count
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      switch (part.number, part.kind) {
      case (Field.location, .bytes):
        var packed = WireReader(bytes, part)
        while !packed.isAtEnd { try addFrame(try varint(&packed)) }
      case (Field.location, .varint): try addFrame(part.value)
      case (Field.value, .bytes):
        var packed = WireReader(bytes, part)
        while !packed.isAtEnd { profile.samples.values.append(Int64(bitPattern: try varint(&packed))) }
      case (Field.value, .varint): profile.samples.values.append(Int64(bitPattern: part.value))
      case (Field.label, .bytes):
        if let label = try label(part) { profile.samples.labels.append(label) }
      default: break
      }
    }
    let values = profile.samples.values.count - firstValue
    guard values == profile.sampleTypes.count else {
      throw .malformed(path: path, what: "a sample has \(values) values for \(profile.sampleTypes.count) sample types")
    }
    guard profile.samples.frames.count <= UInt32.max else { throw .malformed(path: path, what: "too many frames") }
    profile.samples.finishSample()
  }

  @inline(__always)
  private mutating func addFrame(_ id: UInt64) throws(ProfileError) {
    guard let index = locationIDs[id] else { throw missing("location", id, of: "a sample") }
    profile.samples.frames.append(index)
  }

  /// nil for a label that says nothing: neither a text nor a number.
  private func label(_ field: WireReader.Field) throws(ProfileError) -> Profile.Label? {
    typealias Field = PprofField.Label
    var label = Profile.Label(key: 0, text: 0)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      guard part.kind == .varint else { continue }
      switch part.number {
      case Field.key: label.key = try string(part.value)
      case Field.text: label.text = try string(part.value)
      case Field.number: label.number = Int64(bitPattern: part.value)
      case Field.unit: label.unit = try string(part.value)
      default: break
      }
    }
    return label.text != 0 || label.isNumber ? label : nil
  }

  private func badID(_ part: String, _ id: UInt64) -> ProfileError {
    .malformed(path: path, what: id == 0 ? "a \(part) has no id" : "two \(part)s have the id \(id)")
  }

  private func missing(_ part: String, _ id: UInt64, of owner: String) -> ProfileError {
    .malformed(path: path, what: "\(owner) refers to \(part) \(id), which is not there")
  }
}
