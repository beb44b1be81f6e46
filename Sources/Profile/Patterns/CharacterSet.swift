/// Characters that stand at one place of a pattern.
struct CharacterSet: Sendable {
  var ranges: [ClosedRange<UInt32>]
  var isNegated = false

  init(_ ranges: [ClosedRange<UInt32>], isNegated: Bool = false) {
    self.ranges = ranges
    self.isNegated = isNegated
  }

  init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

  func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } != isNegated }

  /// `0`-`9`.
  static let digit = CharacterSet([48...57])
  static let space = CharacterSet([9...10, 12...13, 32...32])
  static let word = CharacterSet([48...57, 65...90, 95...95, 97...122])
  /// `.`: all but a line's end, unless `(?s)`.
  static let notNewline = CharacterSet([10...10], isNegated: true)
  static let any = CharacterSet([], isNegated: true)

  /// The same letters in both cases; only Latin letters without marks.
  var ignoringCase: CharacterSet {
    var result = self
    for range in ranges {
      let upper = range.clamped(to: 65...90)
      if range.overlaps(65...90) { result.ranges.append((upper.lowerBound + 32)...(upper.upperBound + 32)) }
      let lower = range.clamped(to: 97...122)
      if range.overlaps(97...122) { result.ranges.append((lower.lowerBound - 32)...(lower.upperBound - 32)) }
    }
    return result
  }
}
