extension Int64 {
  /// The sum, or the nearest number that fits.
  func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  /// The absolute value; `.max` for the one number that has none.
  var clampedMagnitude: Int64 { self == .min ? .max : Swift.abs(self) }

  /// The opposite number; `.max` for the one that has none.
  var clampedNegation: Int64 { self == .min ? .max : -self }
}
