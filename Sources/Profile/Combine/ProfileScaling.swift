import Measurement

/// Multiplying values, for differences and for profiles of different length (google/pprof profile/merge.go, profile/profile.go).
extension Profile {
  /// All values of type `i` times `ratios[i]`, rounded. Samples of which nothing is left go.
  mutating func scale(by ratios: [Double]) {
    guard ratios.contains(where: { $0 != 1 }), ratios.count == sampleTypes.count else { return }
    let old = samples
    samples = old.rewritten { index, new in
      var isKept = false
      var values = Array(old.values(index))
      for (type, ratio) in ratios.enumerated() where ratio != 1 {
        values[type] = (Double(values[type]) * ratio).rounded().saturated
        isKept = isKept || values[type] != 0
      }
      if isKept { new.append(stack: old.stack(index), values: values, labels: old.labels(index)) }
    }
  }

  /// Scales every kind of value so that its sum is that of `base`.
  mutating func normalize(to base: Profile) throws(ProfileError) {
    guard sampleTypes == base.sampleTypes, periodType == base.periodType else {
      throw .incompatible(what: "the base has other kinds of values")
    }
    func sums(_ profile: Profile) -> [Int64] {
      var result = [Int64](repeating: 0, count: sampleTypes.count)
      for index in 0..<profile.samples.count {
        for (type, value) in profile.samples.values(index).enumerated() { result[type] &+= value }
      }
      return result
    }
    let own = sums(self)
    scale(by: zip(sums(base), own).map { $1 == 0 ? 0 : Double($0) / Double($1) })
  }

  /// Marks every sample with a label of one key, in place of those that it had.
  mutating func setLabel(_ key: String, _ text: String) {
    let label = Label(key: strings.intern(key), text: strings.intern(text))
    let old = samples
    samples = old.rewritten { index, new in
      new.append(
        stack: old.stack(index), values: old.values(index),
        labels: old.labels(index).filter { $0.key != label.key } + [label])
    }
  }

  /// Makes units equal, in the finer one, so that profiles can be merged.
  ///
  /// - Throws: `incompatible` where types have another name, or units cannot be converted.
  static func convertUnits(_ profiles: inout [Profile]) throws(ProfileError) {
    guard profiles.count > 1, let first = profiles.first else { return }
    for profile in profiles where profile.sampleTypes.count != first.sampleTypes.count {
      throw .incompatible(what: "they have \(first.sampleTypes.count) and \(profile.sampleTypes.count) kinds of values")
    }
    let periodType = try common(profiles.map(\.periodType))
    var types: [ValueType] = []
    for index in first.sampleTypes.indices { types.append(try common(profiles.map { $0.sampleTypes[index] })) }
    for index in profiles.indices {
      let old = profiles[index].periodType
      let period = ValueUnit.scale(profiles[index].period, from: old.unit, to: periodType.unit).value
      profiles[index].period = period.rounded(.towardZero).saturated
      profiles[index].periodType.unit = periodType.unit
      profiles[index].scale(
        by: zip(profiles[index].sampleTypes, types).map { ValueUnit.scale(1, from: $0.unit, to: $1.unit).value })
      for type in types.indices { profiles[index].sampleTypes[type].unit = types[type].unit }
    }
  }

  /// The type with the finest unit.
  private static func common(_ types: [ValueType]) throws(ProfileError) -> ValueType {
    var finest = types.first ?? ValueType("", "")
    for type in types.dropFirst() {
      // Minor mismatches, like a plural, are let through.
      func stem(_ name: String) -> Substring { name.hasSuffix("s") ? name.dropLast() : name[...] }
      guard stem(finest.type) == stem(type.type),
        finest.unit == type.unit || ValueUnit.areConvertible(finest.unit, type.unit)
      else {
        throw .incompatible(
          what: "\(finest.type)/\(finest.unit) and \(type.type)/\(type.unit) are different kinds of values")
      }
      if ValueUnit.scale(1, from: type.unit, to: finest.unit).value < 1 { finest = type }
    }
    return finest
  }
}
