import Measurement

/// Numbers as the sentences of findings and verdicts have them.
enum Say {
  static func bytes(_ bytes: Double) -> String {
    (bytes < 0 ? "-" : "") + ByteCount(saturating: abs(bytes)).description
  }
  static func bytes(_ bytes: UInt64) -> String { ByteCount(bytes).description }
  static func bytes(_ bytes: Int64) -> String { self.bytes(Double(bytes)) }

  static func rate(_ bytes: Double, hours: Double) -> String { "\(self.bytes(bytes / max(hours, 1e-9)))/h" }

  static func count(_ count: Double) -> String {
    (count < 0 ? "-" : "") + Count(saturating: abs(count)).description
  }
  static func count(_ count: some BinaryInteger) -> String { self.count(Double(count)) }

  static func span(_ seconds: Double) -> String { TimeSpan(seconds: seconds).description }

  /// Four decimals: `0.0012`, `<0.0001`.
  static func probability(_ value: Double) -> String {
    guard value >= 0.0001 else { return "<0.0001" }
    guard value < 0.99995 else { return "1" }
    return "0." + String(("0000" + String(Int((value * 10_000).rounded()))).suffix(4))
  }
}
