/// An amount over time: prints as `1.5 GiB/s`, `18/min`, in the unit of time that gives a number a person can hold.
public struct Rate: Hashable, Sendable, CustomStringConvertible {
  /// What is counted.
  public enum Quantity: Hashable, Sendable {
    case bytes
    /// Plural noun, or empty for a bare number.
    case things(String)
  }

  public var quantity: Quantity
  public var amount: UInt64
  public var span: TimeSpan

  public init(bytes: UInt64, in span: TimeSpan) {
    self.quantity = .bytes
    self.amount = bytes
    self.span = span
  }

  public init(count: UInt64, of noun: String = "", in span: TimeSpan) {
    self.quantity = .things(noun)
    self.amount = count
    self.span = span
  }

  /// Per second; 0 over no time.
  public var perSecond: Double {
    span.nanoseconds == 0 ? 0 : Double(amount) * 1e9 / Double(span.nanoseconds)
  }

  public var description: String {
    // A rate below ten a unit of time reads better over the next longer one.
    let units: [(name: String, nanoseconds: UInt64)] = [
      ("s", 1_000_000_000), ("min", 60_000_000_000), ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]
    let scaled = units.map { unit in
      (name: unit.name, amount: Decimal.scaled(amount, by: unit.nanoseconds, over: max(span.nanoseconds, 1)))
    }
    let chosen = scaled.first { $0.amount >= 10 } ?? scaled[scaled.count - 1]
    guard span.nanoseconds > 0, amount > 0 else { return text(0, "s") }
    return text(chosen.amount, chosen.name)
  }

  private func text(_ amount: UInt64, _ unit: String) -> String {
    switch quantity {
    case .bytes: "\(ByteCount(amount))/\(unit)"
    case .things(let noun): noun.isEmpty ? "\(Count(amount))/\(unit)" : "\(Count(amount)) \(noun)/\(unit)"
    }
  }
}
