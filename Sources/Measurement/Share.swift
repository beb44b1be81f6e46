/// A part of a whole: prints as `56.3 %`.
///
/// Never says more than is true: `0 %` only of nothing, `100 %` only of everything.
public struct Share: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// From 0 to 1.
  public var fraction: Double

  /// Clamped to 0 ... 1; what is not a number becomes 0.
  public init(fraction: Double) {
    self.fraction = fraction.isNaN ? 0 : min(max(fraction, 0), 1)
  }

  /// The share of nothing is 0.
  public init(_ part: UInt64, of whole: UInt64) {
    self.init(fraction: whole == 0 ? 0 : Double(part) / Double(whole))
  }

  /// Reads `56.3 %` or `56.3%`.
  /// - Throws: `MeasurementError.notAShare` for anything else and beyond 100 %.
  public init(parsing text: String) throws(MeasurementError) {
    guard let (number, unit) = Decimal.split(text), unit == "%",
      let billionths = Decimal.multiply(number, by: 10_000_000),
      billionths <= 1_000_000_000
    else { throw .notAShare(text) }
    self.init(fraction: Double(billionths) / 1e9)
  }

  public static func < (left: Share, right: Share) -> Bool { left.fraction < right.fraction }

  public var description: String {
    if fraction == 0 { return "0 %" }
    if fraction == 1 { return "100 %" }
    let tenths = UInt64((fraction * 1000).rounded())
    if tenths == 0 { return "<0.1 %" }
    if tenths >= 1000 { return ">99.9 %" }
    return "\(Decimal.tenths(tenths)) %"
  }
}
