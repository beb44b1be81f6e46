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
