/// The secret that a visitor has to know. Whoever has it may look, and may have a process paused.
public struct AccessToken: Sendable, Hashable {
  public let text: String

  static let shortest = 16

  /// 128 random bits of the kernel's.
  public static func random() -> AccessToken {
    var generator = SystemRandomNumberGenerator()
    let digits = (0..<2).map { _ in
      let half = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - half.count) + half
    }
    return AccessToken(text: digits.joined())
  }

  private init(text: String) { self.text = text }

  /// - Throws: `WebError.shortToken`, `.badToken`.
  public init(_ text: String) throws(WebError) {
    guard text.utf8.count >= Self.shortest else { throw .shortToken(length: text.utf8.count) }
    // It travels in a cookie and in an address.
    let isPlain = text.utf8.allSatisfy {
      ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) || ($0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z"))
        || ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
    }
    guard isPlain else { throw .badToken }
    self.text = text
  }

  /// Takes as long for a wrong guess whose beginning is right as for any other.
  func matches(_ guess: String) -> Bool {
    let (own, other) = (Array(text.utf8), Array(guess.utf8))
    var difference = own.count ^ other.count
    for index in own.indices { difference |= Int(own[index] ^ (index < other.count ? other[index] : 0)) }
    return difference == 0
  }
}
