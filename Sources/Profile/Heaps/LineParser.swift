/// Reads one line of a text format, from left to right. Nothing moves where a step fails.
struct LineParser {
  private let bytes: ArraySlice<UInt8>
  private(set) var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var isAtEnd: Bool { position >= bytes.endIndex }
  var rest: String { String(decoding: bytes[position...], as: UTF8.self) }

  mutating func skipSpaces() {
    while position < bytes.endIndex, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
  }

  /// Takes `text`, after spaces.
  mutating func take(_ text: StaticString) -> Bool {
    let start = position
    skipSpaces()
    let found = text.withUTF8Buffer { wanted in bytes[position...].starts(with: wanted) }
    if found { position += text.utf8CodeUnitCount } else { position = start }
    return found
  }

  /// A decimal number with an optional sign, after spaces; nil where there is none or it does not fit.
  mutating func number() -> Int64? {
    let start = position
    skipSpaces()
    var isNegative = false
    if position < bytes.endIndex, bytes[position] == UInt8(ascii: "-") {
      isNegative = true
      position += 1
    }
    var value: Int64 = 0
    let first = position
    while position < bytes.endIndex, bytes[position] >= 48, bytes[position] <= 57 {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(Int64(bytes[position] - 48))
      if overflow || carry {
        position = start
        return nil
      }
      value = sum
      position += 1
    }
    if position == first {
      position = start
      return nil
    }
    return isNegative ? -value : value
  }

  /// A hexadecimal number, with or without `0x`, after spaces.
  mutating func hexadecimal() -> UInt64? {
    let start = position
    skipSpaces()
    if bytes[position...].starts(with: "0x".utf8) { position += 2 }
    var value: UInt64 = 0
    let first = position
    while position < bytes.endIndex, let digit = Self.digit(bytes[position]) {
      if value >> 60 != 0 {
        position = start
        return nil
      }
      value = value << 4 | digit
      position += 1
    }
    if position == first {
      position = start
      return nil
    }
    return value
  }

  private static func digit(_ byte: UInt8) -> UInt64? {
    switch byte {
    case 48...57: UInt64(byte - 48)
    case 97...102: UInt64(byte - 87)
    case 65...70: UInt64(byte - 55)
    default: nil
    }
  }

  /// Up to the next space, after spaces; empty at the end.
  mutating func word() -> String {
    skipSpaces()
    let start = position
    while position < bytes.endIndex, bytes[position] != 0x20, bytes[position] != 0x09 { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// Exactly `count` bytes behind one space: a text whose length was given.
  mutating func text(count: UInt64) -> String? {
    guard position < bytes.endIndex, bytes[position] == 0x20, count <= UInt64(bytes.endIndex - position - 1) else {
      return nil
    }
    let start = position + 1
    position = start + Int(count)
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }
}

/// The lines of a file, without their ends.
struct LineReader {
  private let bytes: [UInt8]
  private var position = 0
  /// Number of the line that was returned last, from 1.
  private(set) var number = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func next() -> ArraySlice<UInt8>? {
    guard position < bytes.count else { return nil }
    let end = bytes[position...].firstIndex(of: 0x0a) ?? bytes.count
    var line = bytes[position..<end]
    position = end + 1
    number += 1
    if line.last == 0x0d { line = line.dropLast() }
    return line
  }
}
