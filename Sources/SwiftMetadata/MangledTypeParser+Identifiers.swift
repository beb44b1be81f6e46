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
