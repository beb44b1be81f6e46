/// Mappings, functions, locations and samples.
extension PprofDecoder {
  mutating func readMapping(_ field: WireReader.Field) throws(ProfileError) {
    var id: UInt64 = 0
    var mapping = Profile.Mapping(start: 0, limit: 0, file: 0)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      guard part.kind == .varint else { continue }
      switch part.number {
      case 1: id = part.value
      case 2: mapping.start = part.value
      case 3: mapping.limit = part.value
      case 4: mapping.fileOffset = part.value
      case 5: mapping.file = try string(part.value)
      case 6: mapping.buildID = try string(part.value)
      case 7: mapping.hasFunctions = part.value != 0
      case 8: mapping.hasFilenames = part.value != 0
      case 9: mapping.hasLineNumbers = part.value != 0
      case 10: mapping.hasInlineFrames = part.value != 0
      default: break
      }
    }
    guard mappingIDs.add(id) else { throw badID("mapping", id) }
    profile.mappings.append(mapping)
  }

  mutating func readFunction(_ field: WireReader.Field) throws(ProfileError) {
    var id: UInt64 = 0
    var function = Profile.Function(name: 0)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      guard part.kind == .varint else { continue }
      switch part.number {
      case 1: id = part.value
      case 2: function.name = try string(part.value)
      case 3: function.systemName = try string(part.value)
      case 4: function.file = try string(part.value)
      case 5: function.startLine = Int64(bitPattern: part.value)
      default: break
      }
    }
    guard functionIDs.add(id) else { throw badID("function", id) }
    profile.functions.append(function)
  }

  mutating func readLocation(_ field: WireReader.Field) throws(ProfileError) {
    var id: UInt64 = 0
    var location = Profile.Location(address: 0, mapping: nil, firstLine: profile.lines.count, lineCount: 0)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      switch (part.number, part.kind) {
      case (1, .varint): id = part.value
      case (2, .varint):
        if part.value == 0 { continue }
        guard let index = mappingIDs[part.value] else { throw missing("mapping", part.value, of: "location \(id)") }
        location.mappingIndex = index
      case (3, .varint): location.address = part.value
      case (4, .bytes):
        profile.lines.append(try line(part, location: id))
        location.lineCount += 1
      case (5, .varint): location.isFolded = part.value != 0
      default: break
      }
    }
    guard locationIDs.add(id) else { throw badID("location", id) }
    profile.locations.append(location)
  }

  private func line(_ field: WireReader.Field, location: UInt64) throws(ProfileError) -> Profile.Line {
    var line = Profile.Line(function: nil)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      switch (part.number, part.kind) {
      case (1, .varint):
        if part.value == 0 { continue }
        guard let index = functionIDs[part.value] else {
          throw missing("function", part.value, of: "location \(location)")
        }
        line.functionIndex = index
      case (2, .varint): line.number = Int64(bitPattern: part.value)
      default: break
      }
    }
    return line
  }

  mutating func readSample(_ field: WireReader.Field) throws(ProfileError) {
    let firstValue = profile.samples.values.count
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      switch (part.number, part.kind) {
      case (1, .bytes):
        var packed = WireReader(bytes, part)
        while !packed.isAtEnd { try addFrame(try varint(&packed)) }
      case (1, .varint): try addFrame(part.value)
      case (2, .bytes):
        var packed = WireReader(bytes, part)
        while !packed.isAtEnd { profile.samples.values.append(Int64(bitPattern: try varint(&packed))) }
      case (2, .varint): profile.samples.values.append(Int64(bitPattern: part.value))
      case (3, .bytes):
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
    var label = Profile.Label(key: 0, text: 0)
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      guard part.kind == .varint else { continue }
      switch part.number {
      case 1: label.key = try string(part.value)
      case 2: label.text = try string(part.value)
      case 3: label.number = Int64(bitPattern: part.value)
      case 4: label.unit = try string(part.value)
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
