extension Double {
  /// The nearest whole number that fits into 64 bits; 0 for what is not a number. What a target or its metrics say must not trap.
  public var saturated: Int64 { isNaN ? 0 : Int64(Swift.min(Swift.max(self, -9e18), 9e18)) }
  /// The same, and never negative.
  public var saturatedAmount: UInt64 { UInt64(Swift.max(saturated, 0)) }

  /// Two decimals, by integers so that no locale gets in: `0.83`, `-12.50`.
  public var hundredths: String {
    let hundredths = (self * 100).rounded().saturated
    let rest = abs(hundredths % 100)
    return "\(hundredths < 0 && hundredths > -100 ? "-" : "")\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}

extension ByteCount {
  /// The nearest amount; negative ones become zero.
  public init(saturating bytes: Double) { self.init(bytes.saturatedAmount) }
}

extension Count {
  /// The nearest whole number; negative ones become zero.
  public init(saturating value: Double) { self.init(value.rounded().saturatedAmount) }
}

extension TimeSpan {
  /// Negative lengths become zero, what does not fit 30 years.
  public init(seconds: Double) {
    self.init(nanoseconds: (Swift.min(seconds.isNaN ? 0 : seconds, 1e9) * 1e9).saturatedAmount)
  }
}
