import Foundation

/// How accesses are written in a file.
enum TraceFormat: String, CaseIterable {
  /// "start count ignored sequence" a line; a line is `count` blocks.
  case arc
  /// One decimal block number a line.
  case lirs
  /// 8-byte big-endian words.
  case corda
  /// Big-endian 32-bit integers.
  case cache2k

  /// What was read of a file.
  struct Accesses {
    var keys: [UInt64] = []
    /// Lines that are none of the format, and bytes after the last whole word.
    var damaged = 0
    /// There were more accesses than a simulation takes.
    var isCut = false

    mutating func append(_ key: UInt64) {
      if keys.count < Self.most { keys.append(key) } else { isCut = true }
    }

    /// 4 GiB of keys: one damaged line could stand for a million of them.
    static let most = 1 << 29
  }

  /// The format that the beginning of a file suggests: text of several columns, or of one, and words whose upper halves are all alike or not. For words
  /// that are hashes neither is certain, and the name decides.
  static func guess(_ data: Data, name: String) -> TraceFormat {
    let start = data.prefix(4096)
    guard isText(start) else {
      if name.hasPrefix("corda") { return .corda }
      if name.hasPrefix("web") { return .cache2k }
      if isOfLongWords(start) { return .corda }
      return data.count % 8 == 0 ? wordsFormat(start) : .cache2k
    }
    for line in start.split(whereSeparator: { $0 == 10 || $0 == 13 }) {
      let columns = line.split { $0 == 0x20 || $0 == 9 }
      guard columns.allSatisfy({ $0.allSatisfy { (48...57).contains($0) } }) else { continue }
      return columns.count > 1 ? .arc : .lirs
    }
    return .lirs
  }

  /// Remarks may be in any language; what lies in words is hardly ever UTF-8 without control characters. The last character may have been cut.
  private static func isText(_ start: Data) -> Bool {
    guard start.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || [9, 10, 13].contains($0) }) else { return false }
    return (0..<4).contains { String(validating: start.dropLast($0), as: UTF8.self) != nil }
  }

  /// Numbers of objects as words of eight bytes: every other half is nothing but zeros, which as words of four would be one object all the time.
  private static func isOfLongWords(_ start: Data) -> Bool {
    let bytes = Array(start)
    let words = stride(from: 0, to: bytes.count - bytes.count % 8, by: 8)
    return bytes.count >= 32 && words.allSatisfy { bytes[$0..<$0 + 4].allSatisfy { $0 == 0 } }
      && words.contains { bytes[$0 + 4..<$0 + 8].contains { $0 != 0 } }
  }

  /// Numbers of objects are small: as words of four bytes they begin with a zero, as words of eight that are hashes only by chance.
  private static func wordsFormat(_ start: Data) -> TraceFormat {
    let bytes = Array(start)
    let firsts = stride(from: 0, to: bytes.count - bytes.count % 8, by: 4).map { bytes[$0] }
    let odd = stride(from: 1, to: firsts.count, by: 2).allSatisfy { firsts[$0] == 0 }
    return odd ? .cache2k : .corda
  }

  func parse(_ data: Data) -> Accesses {
    switch self {
    case .arc:
      Self.parseLines(data) { numbers, result in
        guard numbers.count >= 2, numbers[1] <= 1 << 20 else { return false }
        for offset in 0..<numbers[1] { result.append(numbers[0] &+ offset) }
        return true
      }
    case .lirs:
      Self.parseLines(data) { numbers, result in
        guard let first = numbers.first else { return false }
        result.append(first)
        return true
      }
    case .corda: Self.parseWords(data, width: 8)
    case .cache2k: Self.parseWords(data, width: 4)
    }
  }

  private static func parseWords(_ data: Data, width: Int) -> Accesses {
    data.withUnsafeBytes { bytes in
      var result = Accesses()
      result.keys.reserveCapacity(min(bytes.count / width, Accesses.most))
      for start in stride(from: 0, to: bytes.count - bytes.count % width, by: width) {
        var word: UInt64 = 0
        for index in start..<start + width { word = word << 8 | UInt64(bytes[index]) }
        result.append(word)
      }
      result.damaged = bytes.count % width
      return result
    }
  }

  /// Empty lines are no damage, nor are those that begin with a `*` or a `#`: traces have such remarks.
  private static func parseLines(_ data: Data, _ body: ([UInt64], inout Accesses) -> Bool) -> Accesses {
    data.withUnsafeBytes { bytes in
      var result = Accesses()
      var numbers: [UInt64] = []
      var current: UInt64?
      var isGood = true
      var isRemark = false
      /// Nothing has come of the line but spaces.
      var isLineEmpty: Bool { numbers.isEmpty && current == nil && isGood }
      func endNumber() {
        if let number = current { numbers.append(number) }
        current = nil
      }
      func endLine() {
        endNumber()
        let isEmpty = numbers.isEmpty && isGood
        if !isRemark, !isEmpty, !isGood || !body(numbers, &result) { result.damaged += 1 }
        numbers.removeAll(keepingCapacity: true)
        (isGood, isRemark) = (true, false)
      }
      for byte in bytes {
        switch byte {
        case 48...57:
          let (tens, isTooMuch) = (current ?? 0).multipliedReportingOverflow(by: 10)
          let (sum, isMore) = tens.addingReportingOverflow(UInt64(byte - 48))
          if isTooMuch || isMore { isGood = false }
          current = sum
        case 32, 9: endNumber()
        // Lines end with either or both; an empty one between the two is none.
        case 10, 13: endLine()
        case UInt8(ascii: "#") where isLineEmpty, UInt8(ascii: "*") where isLineEmpty: isRemark = true
        default: isGood = false
        }
      }
      endLine()
      return result
    }
  }
}
