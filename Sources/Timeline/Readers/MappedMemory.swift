import ProcessImage

/// Resident memory of one mapping, as `/proc/PID/smaps` has it. Bytes.
public struct MappedMemory: Sendable, Hashable {
  public var mapping: Mapping
  public var resident: UInt64
  public var anonymous: UInt64
  public var swap: UInt64
  /// `MADV_DONTFORK` or `MADV_WIPEONFORK`: a copy of the process does not have these pages.
  public var isKeptFromCopies: Bool

  public init(
    mapping: Mapping, resident: UInt64, anonymous: UInt64, swap: UInt64 = 0, isKeptFromCopies: Bool = false
  ) {
    self.mapping = mapping
    self.resident = resident
    self.anonymous = anonymous
    self.swap = swap
    self.isKeptFromCopies = isKeptFromCopies
  }

  /// All mappings of a process. The kernel walks its page tables for it: about as long as a freeze takes, without any stop.
  public static func all(of pid: Int32) -> [MappedMemory]? {
    guard let bytes = try? contents(of: Procfs.folder(of: pid) + "/smaps") else { return nil }
    let result = parse(bytes)
    return result.isEmpty ? nil : result
  }

  /// All mappings of a process at the instant of its copy: a service that grows by megabytes a second is not what it was by the time
  /// that its copy is read.
  ///
  /// - Parameter copy: a copy-on-write copy of process `pid`, which runs on.
  public static func all(of pid: Int32, copiedTo copy: Int32) -> [MappedMemory]? {
    guard let running = all(of: pid), let copied = all(of: copy) else { return nil }
    return joined(running: running, copied: copied)
  }

  /// A fork copies the pages that only this process has, and leaves out what can be fetched again: pages of files and of shared memory
  /// (`vma_needs_copy` in Linux 6.1's mm/memory.c), and what was advised not to be copied. Those are taken from the running process.
  static func joined(running: [MappedMemory], copied: [MappedMemory]) -> [MappedMemory] {
    let now = Dictionary(running.map { ($0.mapping.start, $0) }, uniquingKeysWith: { first, _ in first })
    var result = copied
    for index in result.indices {
      let entry = result[index]
      guard let other = now[entry.mapping.start], other.mapping.end == entry.mapping.end else { continue }
      if other.isKeptFromCopies {
        result[index] = other
      } else if !entry.mapping.isAnonymous {
        let fetched = other.resident &- min(other.anonymous, other.resident)
        result[index].resident = max(entry.resident, entry.anonymous &+ fetched)
      }
    }
    let known = Set(copied.map(\.mapping.start))
    result += running.filter { $0.isKeptFromCopies && !known.contains($0.mapping.start) }
    return result.sorted { $0.mapping.start < $1.mapping.start }
  }

  /// Documentation/filesystems/proc.rst, smaps: a line as in maps, then `Key: number kB` lines.
  ///
  /// The kernel hands the list out in parts: an arena that grew between two of them stands in both, the second time as it is now. Counted
  /// twice, it would be tens of megabytes that nobody has.
  public static func parse(_ bytes: [UInt8]) -> [MappedMemory] {
    var result: [MappedMemory] = []
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      // Addresses begin with a lower-case hexadecimal digit, keys with a capital letter.
      if let first = line.first, first < UInt8(ascii: "A") || first >= UInt8(ascii: "a") {
        if let mapping = MapsParser.parse(Array(line)).first {
          while let last = result.last, last.mapping.end > mapping.start { result.removeLast() }
          result.append(MappedMemory(mapping: mapping, resident: 0, anonymous: 0))
        }
        continue
      }
      guard !result.isEmpty else { continue }
      let last = result.count - 1
      if let value = number(line, "Rss:") { result[last].resident = value }
      if let value = number(line, "Anonymous:") { result[last].anonymous = value }
      if let value = number(line, "Swap:") { result[last].swap = value }
      if line.starts(with: Array("VmFlags:".utf8)) {
        let flags = line.split(separator: UInt8(ascii: " "))
        result[last].isKeptFromCopies = flags.contains { $0.elementsEqual("dc".utf8) || $0.elementsEqual("wf".utf8) }
      }
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
