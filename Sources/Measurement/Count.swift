/// A number of things: prints as `19,700`.
public struct Count: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var value: UInt64

  public init(_ value: UInt64) { self.value = value }

  /// Negative numbers, which only a torn input can give, become zero.
  public init(_ value: Int) { self.value = value < 0 ? 0 : UInt64(value) }

  public static func < (left: Count, right: Count) -> Bool { left.value < right.value }

  public var description: String { Decimal.grouped(value) }

  /// With its noun: `1 block`, `19,700 blocks`.
  public func of(_ singular: String, _ plural: String? = nil) -> String {
    "\(self) \(value == 1 ? singular : plural ?? singular + "s")"
  }
}
