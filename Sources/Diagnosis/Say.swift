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

  /// Four decimals: `p = 0.0012`, `p < 0.0001`.
  static func probability(_ value: Double) -> String {
    guard value >= 0.0001 else { return "p < 0.0001" }
    guard value < 0.99995 else { return "p = 1" }
    return "p = 0." + String(("0000" + String(Int((value * 10_000).rounded()))).suffix(4))
  }

  /// A name as a shell takes it for one word: brackets and blanks of Swift's types mean something there.
  static func word(_ name: String) -> String {
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "._-".utf8.contains(byte)
      }
    }
    return isPlain && !name.isEmpty ? name : "'\(name.replacing("'", with: "'\\''"))'"
  }
}
