/// The answer to a GET: where its body lies, and whether all of it is there (RFC 9112, sections 6 and 7).
///
/// A page that is cut, or whose chunks are taken for text, would give a count that is too low or has a digit too few.
enum HTTPAnswer {
  enum Flaw: Error, Hashable {
    /// It is not HTTP, or contradicts itself.
    case noAnswer
    case status(Int)
    /// A coding that was not asked for, such as gzip.
    case coding(String)
    /// The connection ended before the body did.
    case cut
  }

  private enum Length {
    case counted(Int)
    case chunked
    case untilTheEnd
  }

  /// Longest head that is waited for, in bytes.
  private static let longestHead = 64 << 10

  /// O(head + chunks), and the copy.
  ///
  /// - Parameter isWhole: nothing more will come.
  /// - Returns: nil where more has to come.
  static func body(of bytes: [UInt8], isWhole: Bool) throws(Flaw) -> [UInt8]? {
    guard let start = startOfBody(bytes) else {
      if isWhole || bytes.count > longestHead { throw .noAnswer }
      return nil
    }
    switch try length(String(decoding: bytes[..<start], as: UTF8.self)) {
    case .untilTheEnd: return isWhole ? Array(bytes[start...]) : nil
    case .counted(let count):
      if bytes.count - start >= count { return Array(bytes[start..<start + count]) }
    case .chunked:
      if let body = try chunks(bytes, from: start) { return body }
    }
    if isWhole { throw .cut }
    return nil
  }

  /// Behind the empty line.
  private static func startOfBody(_ bytes: [UInt8]) -> Int? {
    var start = 0
    while let end = bytes[start...].firstIndex(of: 10) {
      if end == start || (end == start + 1 && bytes[start] == 13) { return end + 1 }
      start = end + 1
    }
    return nil
  }

  private static func length(_ head: String) throws(Flaw) -> Length {
    let lines = head.split(whereSeparator: \.isNewline)
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2, words[0].hasPrefix("HTTP/"), let status = Int(words[1]) else { throw .noAnswer }
    guard status == 200 else { throw .status(status) }
    var length = Length.untilTheEnd
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let value = parts[1].split(whereSeparator: \.isWhitespace).joined(separator: " ").lowercased()
      switch parts[0].lowercased() {
      case "content-encoding" where value != "identity": throw .coding(value)
      case "transfer-encoding" where value == "chunked": length = .chunked
      case "transfer-encoding" where value != "identity": throw .coding(value)
      case "content-length":
        guard let count = Int(value), count >= 0 else { throw .noAnswer }
        // Chunks go before a length.
        if case .untilTheEnd = length { length = .counted(count) }
      default: break
      }
    }
    return length
  }

  /// nil where the last chunk has not come.
  private static func chunks(_ bytes: [UInt8], from start: Int) throws(Flaw) -> [UInt8]? {
    var parts: [Range<Int>] = []
    var at = start
    while let end = bytes[at...].firstIndex(of: 10) {
      // An extension may follow the size.
      let digits = bytes[at..<end].prefix { $0 != 13 && $0 != 32 && $0 != UInt8(ascii: ";") }
      guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0 else { throw .noAnswer }
      if size == 0 { return parts.flatMap { bytes[$0] } }
      guard size < bytes.count - end - 1 else { return nil }
      parts.append(end + 1..<end + 1 + size)
      at = end + 1 + size
      if bytes[at] == 13 { at += 1 }
      guard at < bytes.count else { return nil }
      guard bytes[at] == 10 else { throw .noAnswer }
      at += 1
    }
    return nil
  }
}
