/// Reads pprof's messages, unpacked.
///
/// Decoded by hand: the samples go straight into flat arrays, and nothing is linked that services would have to link too (docs/profiles.md, "In the
/// code"). Parts may come in any order, so the file is walked three times: names and functions, locations, samples.
struct PprofDecoder {
  /// Ids of the file to our indices. Writers number from 1 in order as a rule; that takes no memory.
  struct IDMap {
    private var sequential: UInt64 = 0
    private var others: [UInt64: UInt32] = [:]
    private var count: UInt32 = 0

    /// false for an id that is 0 or was there before.
    mutating func add(_ id: UInt64) -> Bool {
      guard id != 0, self[id] == nil else { return false }
      if others.isEmpty, id == sequential + 1 { sequential = id } else { others[id] = count }
      count += 1
      return true
    }

    @inline(__always)
    subscript(_ id: UInt64) -> UInt32? {
      if id &- 1 < sequential { return UInt32(truncatingIfNeeded: id &- 1) }
      return others.isEmpty ? nil : others[id]
    }
  }

  let bytes: UnsafeBufferPointer<UInt8>
  let path: String
  var profile = Profile()
  /// File's index of a string -> interned id.
  var stringIDs: [StringID] = []
  var mappingIDs = IDMap()
  var functionIDs = IDMap()
  var locationIDs = IDMap()
  private var sampleCount = 0

  /// - Throws: `malformed` for bytes that are no profile, or one that contradicts itself.
  static func decode(_ bytes: [UInt8], path: String) throws(ProfileError) -> Profile {
    let result = bytes.withUnsafeBufferPointer { buffer -> Result<Profile, ProfileError> in
      var decoder = PprofDecoder(bytes: buffer, path: path)
      do throws(ProfileError) { return .success(try decoder.decode()) } catch { return .failure(error) }
    }
    return try result.get()
  }

  private init(bytes: UnsafeBufferPointer<UInt8>, path: String) {
    self.bytes = bytes
    self.path = path
  }

  private mutating func decode() throws(ProfileError) -> Profile {
    do throws(WireReader.Failure) {
      try countAndReadStrings()
    } catch { throw malformed(error) }
    guard !stringIDs.isEmpty else { throw .malformed(path: path, what: "it has no names") }
    guard stringIDs[0] == 0 else { throw .malformed(path: path, what: "the first of its names is not the empty one") }
    try readParts()
    guard !profile.sampleTypes.isEmpty || sampleCount == 0 else {
      throw .malformed(path: path, what: "it does not say what its values are")
    }
    profile.samples = SampleTable(valuesPerSample: profile.sampleTypes.count)
    // A value takes a byte of the file at least. Samples times types alone would be a number that the file may choose.
    profile.samples.reserve(samples: sampleCount, frames: 0, mostValues: bytes.count)
    try readLocations()
    try readSamples()
    return profile
  }

  private mutating func countAndReadStrings() throws(WireReader.Failure) {
    var reader = WireReader(bytes)
    while let field = try reader.next() {
      switch (field.number, field.kind) {
      case (PprofField.Profile.string, .bytes): stringIDs.append(profile.strings.intern(reader.text(field)))
      case (PprofField.Profile.sample, .bytes): sampleCount += 1
      default: break
      }
    }
  }

  private mutating func readParts() throws(ProfileError) {
    var reader = WireReader(bytes)
    while let field = try next(&reader) {
      switch (field.number, field.kind) {
      case (PprofField.Profile.sampleType, .bytes): profile.sampleTypes.append(try valueType(field))
      case (PprofField.Profile.mapping, .bytes): try readMapping(field)
      case (PprofField.Profile.function, .bytes): try readFunction(field)
      case (PprofField.Profile.dropFrames, .varint): profile.dropFrames = try text(field.value)
      case (PprofField.Profile.keepFrames, .varint): profile.keepFrames = try text(field.value)
      case (PprofField.Profile.time, .varint): profile.timeNanoseconds = Int64(bitPattern: field.value)
      case (PprofField.Profile.duration, .varint): profile.durationNanoseconds = Int64(bitPattern: field.value)
      case (PprofField.Profile.periodType, .bytes): profile.periodType = try valueType(field)
      case (PprofField.Profile.period, .varint): profile.period = Int64(bitPattern: field.value)
      case (PprofField.Profile.defaultSampleType, .varint): profile.defaultSampleType = try text(field.value)
      case (PprofField.Profile.comment, .varint): profile.comments.append(try text(field.value))
      case (PprofField.Profile.comment, .bytes):
        var packed = WireReader(bytes, field)
        while !packed.isAtEnd { profile.comments.append(try text(try varint(&packed))) }
      default: break
      }
    }
  }

  private mutating func readLocations() throws(ProfileError) {
    var reader = WireReader(bytes)
    while let field = try next(&reader) {
      if field.number == PprofField.Profile.location, field.kind == .bytes { try readLocation(field) }
    }
  }

  private mutating func readSamples() throws(ProfileError) {
    var reader = WireReader(bytes)
    while let field = try next(&reader) {
      if field.number == PprofField.Profile.sample, field.kind == .bytes { try readSample(field) }
    }
  }

  // MARK: Numbers and names

  func malformed(_ failure: WireReader.Failure) -> ProfileError {
    .malformed(path: path, what: "\(failure.what.rawValue), at byte \(failure.offset)")
  }

  func next(_ reader: inout WireReader) throws(ProfileError) -> WireReader.Field? {
    do throws(WireReader.Failure) { return try reader.next() } catch { throw malformed(error) }
  }

  func varint(_ reader: inout WireReader) throws(ProfileError) -> UInt64 {
    do throws(WireReader.Failure) { return try reader.varint() } catch { throw malformed(error) }
  }

  /// The interned id of the file's string `index`.
  func string(_ index: UInt64) throws(ProfileError) -> StringID {
    guard index < UInt64(stringIDs.count) else {
      throw .malformed(path: path, what: "name \(Int64(bitPattern: index)) of \(stringIDs.count)")
    }
    return stringIDs[Int(index)]
  }

  func text(_ index: UInt64) throws(ProfileError) -> String { profile.strings[try string(index)] }

  private func valueType(_ field: WireReader.Field) throws(ProfileError) -> Profile.ValueType {
    typealias Field = PprofField.ValueType
    var result = Profile.ValueType("", "")
    var reader = WireReader(bytes, field)
    while let part = try next(&reader) {
      switch (part.number, part.kind) {
      case (Field.type, .varint): result.type = try text(part.value)
      case (Field.unit, .varint): result.unit = try text(part.value)
      default: break
      }
    }
    return result
  }
}
