/// Identifiers: run-length encoded, with word substitutions (`0`) or Punycode (`00`).
extension MangledTypeParser {
  private static let wordLimit = 26
  private static let identifierLimit = 1024

  mutating func identifier() -> Node? {
    var hasWords = false
    var isPunycode = false
    if nextIf("0") {
      if nextIf("0") { isPunycode = true } else { hasWords = true }
    }
    var result: [UInt8] = []
    repeat {
      while hasWords, isLetter(peek()) {
        let letter = next()
        let isLast = letter < 0x61
        if isLast { hasWords = false }
        let index = Int(letter) - (isLast ? 0x41 : 0x61)
        guard index < words.count else { return nil }
        result += words[index]
      }
      if nextIf("0") { break }
      guard let length = natural(), length > 0 else { return nil }
      if isPunycode { _ = nextIf("_") }
      guard position + length <= text.bytes.count, result.count + length <= Self.identifierLimit else { return nil }
      let slice = Array(text.bytes[position..<position + length])
      position += length
      if isPunycode {
        guard let decoded = Punycode.decode(slice) else { return nil }
        result += decoded
      } else {
        collectWords(slice)
        result += slice
      }
    } while hasWords
    guard !result.isEmpty, let name = String(validating: result, as: UTF8.self) else { return nil }
    let node = Node.identifier(name)
    substitutions.append(node)
    return node
  }

  /// Splits at case changes and underscores, as the mangler does; later identifiers refer to the words.
  private mutating func collectWords(_ slice: [UInt8]) {
    var start: Int?
    for index in 0...slice.count {
      let byte = index < slice.count ? slice[index] : 0
      if let begin = start, isWordEnd(byte, after: slice[index - 1]) {
        if index - begin >= 2, words.count < Self.wordLimit { words.append(Array(slice[begin..<index])) }
        start = nil
      }
      if start == nil, byte != 0, byte != 0x5f, !isDigit(byte) { start = index }
    }
  }

  private func isWordEnd(_ byte: UInt8, after previous: UInt8) -> Bool {
    byte == 0x5f || byte == 0 || (isUpper(byte) && !isUpper(previous))
  }
  private func isUpper(_ byte: UInt8) -> Bool { byte >= 0x41 && byte <= 0x5a }
  private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  private func isLetter(_ byte: UInt8) -> Bool { isUpper(byte) || (byte >= 0x61 && byte <= 0x7a) }
}

/// Swift's Punycode (RFC 3492 with `_` as delimiter and digits `a`-`z`, `A`-`J`).
enum Punycode {
  static func decode(_ input: [UInt8]) -> [UInt8]? {
    var scalars: [UInt32] = []
    var rest = input[...]
    if let delimiter = input.lastIndex(of: 0x5f) {
      for byte in input[..<delimiter] {
        guard byte < 0x80 else { return nil }
        scalars.append(UInt32(byte))
      }
      rest = input[(delimiter + 1)...]
    }
    var number = 128
    var index = 0
    var bias = 72
    while !rest.isEmpty {
      let oldIndex = index
      var weight = 1
      var base = 36
      while true {
        guard let byte = rest.popFirst(), let digit = digit(byte) else { return nil }
        index += digit * weight
        guard index < 1 << 30 else { return nil }
        let threshold = base <= bias ? 1 : base >= bias + 26 ? 26 : base - bias
        if digit < threshold { break }
        weight *= 36 - threshold
        guard weight < 1 << 30 else { return nil }
        base += 36
      }
      let count = scalars.count + 1
      bias = adapt(index - oldIndex, count: count, isFirst: oldIndex == 0)
      number += index / count
      index %= count
      guard number <= 0x10ffff else { return nil }
      scalars.insert(UInt32(number), at: index)
      index += 1
    }
    var text = ""
    for value in scalars {
      // Characters that are not valid in identifiers are encoded above 0xD800.
      guard let scalar = UnicodeScalar(value >= 0xd800 && value < 0xd880 ? value - 0xd800 : value) else { return nil }
      text.unicodeScalars.append(scalar)
    }
    return Array(text.utf8)
  }

  private static func digit(_ byte: UInt8) -> Int? {
    switch byte {
    case 0x61...0x7a: Int(byte - 0x61)
    case 0x41...0x4a: Int(byte - 0x41) + 26
    default: nil
    }
  }

  private static func adapt(_ delta: Int, count: Int, isFirst: Bool) -> Int {
    var delta = isFirst ? delta / 700 : delta / 2
    delta += delta / count
    var base = 0
    while delta > 455 {
      delta /= 35
      base += 36
    }
    return base + 36 * delta / (delta + 38)
  }
}
