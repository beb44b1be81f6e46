/// Parses `/proc/PID/maps` (Linux, Documentation/filesystems/proc.rst, "maps").
///
/// `start-end perms offset dev inode   path`, one line a mapping. A path may hold spaces; the kernel writes a newline in it as
/// `\012` and appends ` (deleted)`. Lines that do not parse are skipped: the kernel does not write such lines.
public enum MapsParser {
  /// The mappings, sorted by address, without overlaps (the file is not read at one instant). O(bytes).
  public static func parse(_ bytes: [UInt8]) -> [Mapping] {
    var result: [Mapping] = []
    bytes.withUnsafeBufferPointer { buffer in
      var lineStart = 0
      while lineStart < buffer.count {
        let lineEnd = buffer[lineStart...].firstIndex(of: UInt8(ascii: "\n")) ?? buffer.count
        if let mapping = parseLine(buffer[lineStart..<lineEnd]) { result.append(mapping) }
        lineStart = lineEnd + 1
      }
    }
    return sortedWithoutOverlaps(result)
  }

  /// Sorts by address; of two that overlap the first one stays.
  static func sortedWithoutOverlaps(_ mappings: [Mapping]) -> [Mapping] {
    // Already in order but for a race with the target, so the check is cheaper than a sort.
    if zip(mappings, mappings.dropFirst()).allSatisfy({ $0.end <= $1.start }) { return mappings }
    var result: [Mapping] = []
    for mapping in mappings.sorted(by: { $0.start < $1.start }) where mapping.start >= (result.last?.end ?? 0) {
      result.append(mapping)
    }
    return result
  }

  private static func parseLine(_ line: Slice<UnsafeBufferPointer<UInt8>>) -> Mapping? {
    var cursor = Cursor(rest: line)
    guard let start = cursor.number(radix: 16, until: UInt8(ascii: "-")),
      let end = cursor.number(radix: 16, until: UInt8(ascii: " ")), end > start,
      let permissions = cursor.word(), permissions.count >= 4,
      let offset = cursor.number(radix: 16, until: UInt8(ascii: " ")),
      cursor.word() != nil,
      let inode = cursor.number(radix: 10, until: UInt8(ascii: " "))
    else { return nil }
    var path = unescaped(cursor.rest.drop { $0 == UInt8(ascii: " ") })
    // Only for files: a thread may name its memory "[anon:x (deleted)".
    let isDeleted = path.hasPrefix("/") && path.removeDeletedMark()
    return Mapping(
      start: start, end: end, permissions: self.permissions(permissions), fileOffset: offset, inode: inode, path: path,
      isDeleted: isDeleted)
  }

  private static func permissions(_ letters: Slice<UnsafeBufferPointer<UInt8>>) -> Mapping.Permissions {
    var result: Mapping.Permissions = []
    let first = letters.startIndex
    if letters[first] == UInt8(ascii: "r") { result.insert(.read) }
    if letters[first + 1] == UInt8(ascii: "w") { result.insert(.write) }
    if letters[first + 2] == UInt8(ascii: "x") { result.insert(.execute) }
    if letters[first + 3] == UInt8(ascii: "s") { result.insert(.shared) }
    return result
  }

  /// `seq_file` escapes a newline as `\012`, and nothing else in this file.
  private static func unescaped(_ path: Slice<UnsafeBufferPointer<UInt8>>) -> String {
    guard path.contains(UInt8(ascii: "\\")) else { return String(decoding: path, as: UTF8.self) }
    let newline: [UInt8] = Array("\\012".utf8)
    var result: [UInt8] = []
    var rest = path
    while let byte = rest.first {
      if rest.starts(with: newline) {
        result.append(UInt8(ascii: "\n"))
        rest = rest.dropFirst(newline.count)
      } else {
        result.append(byte)
        rest = rest.dropFirst()
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private struct Cursor {
    var rest: Slice<UnsafeBufferPointer<UInt8>>

    /// Digits up to `terminator` (or the end of the line); nil where there is none, another byte, or more than 64 bits.
    mutating func number(radix: UInt64, until terminator: UInt8) -> UInt64? {
      var value: UInt64 = 0
      var digits = 0
      while let byte = rest.first, byte != terminator {
        guard let digit = hexDigit(byte), digit < radix, value <= (UInt64.max - digit) / radix else { return nil }
        value = value * radix + digit
        digits += 1
        rest = rest.dropFirst()
      }
      rest = rest.dropFirst()
      return digits > 0 ? value : nil
    }

    /// Bytes up to the next space.
    mutating func word() -> Slice<UnsafeBufferPointer<UInt8>>? {
      let word = rest.prefix { $0 != UInt8(ascii: " ") }
      guard !word.isEmpty else { return nil }
      rest = rest.dropFirst(word.count + 1)
      return word
    }
  }
}

extension String {
  /// Takes off the ` (deleted)` that the kernel appends to the path of a file that is gone; false where there is none.
  mutating func removeDeletedMark() -> Bool {
    let mark = " (deleted)"
    guard hasSuffix(mark) else { return false }
    removeLast(mark.count)
    return true
  }
}

/// Value of one hexadecimal digit.
func hexDigit(_ byte: UInt8) -> UInt64? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
  case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a")) + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A")) + 10
  default: nil
  }
}
