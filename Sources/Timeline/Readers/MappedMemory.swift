import ProcessImage

/// Resident memory of one mapping, as `/proc/PID/smaps` has it. Bytes.
public struct MappedMemory: Sendable, Hashable {
  public var mapping: Mapping
  public var resident: UInt64
  public var anonymous: UInt64
  public var swap: UInt64

  public init(mapping: Mapping, resident: UInt64, anonymous: UInt64, swap: UInt64 = 0) {
    self.mapping = mapping
    self.resident = resident
    self.anonymous = anonymous
    self.swap = swap
  }

  /// All mappings of a process. The kernel walks its page tables for it: about as long as a freeze takes, without any stop.
  public static func all(of pid: Int32) -> [MappedMemory]? {
    guard let bytes = try? contents(of: "/proc/\(pid)/smaps") else { return nil }
    let result = parse(bytes)
    return result.isEmpty ? nil : result
  }

  /// Documentation/filesystems/proc.rst, smaps: a line as in maps, then `Key: number kB` lines.
  public static func parse(_ bytes: [UInt8]) -> [MappedMemory] {
    var result: [MappedMemory] = []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      // Addresses begin with a lower-case hexadecimal digit, keys with a capital letter.
      if let first = line.first, first < UInt8(ascii: "A") || first >= UInt8(ascii: "a") {
        if let mapping = MapsParser.parse(Array(line)).first {
          result.append(MappedMemory(mapping: mapping, resident: 0, anonymous: 0))
        }
        continue
      }
      guard !result.isEmpty else { continue }
      let last = result.count - 1
      if let value = number(line, "Rss:") { result[last].resident = value }
      if let value = number(line, "Anonymous:") { result[last].anonymous = value }
      if let value = number(line, "Swap:") { result[last].swap = value }
    }
    return result
  }

  private static func number(_ line: ArraySlice<UInt8>, _ key: StaticString) -> UInt64? {
    let matches = key.withUTF8Buffer { $0.count < line.count && line.starts(with: $0) }
    guard matches else { return nil }
    var value: UInt64 = 0
    var isNumber = false
    for byte in line.dropFirst(key.utf8CodeUnitCount) {
      if byte >= 48 && byte <= 57 {
        value = value &* 10 &+ UInt64(byte - 48)
        isNumber = true
      } else if isNumber {
        break
      }
    }
    return value &* 1024
  }
}
