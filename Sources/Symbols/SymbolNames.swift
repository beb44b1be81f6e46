import ProcessImage

/// A string table that stays in its file.
struct NameSection: Sendable {
  let file: any FileBytes
  let offset: Int
  let size: Int

  /// Longest name that is read; Swift's longest real ones are a few KiB.
  static let longestName = 1 << 16

  /// The name at `nameOffset`, without a version. Empty where the file is cut.
  func name(at nameOffset: UInt32) -> [UInt8] {
    let start = Int(nameOffset)
    guard start < size else { return [] }
    var length = 128
    while true {
      let wanted = min(length, size - start)
      let (position, overflow) = offset.addingReportingOverflow(start)
      guard !overflow else { return [] }
      let bytes = file.bytes(at: position, count: wanted)
      if let end = bytes.firstIndex(of: 0) { return Array(Self.withoutVersion(bytes[..<end])) }
      guard bytes.count == wanted, wanted == length, length < Self.longestName else { return [] }
      length *= 4
    }
  }

  /// All bytes, for building an index.
  func content() -> [UInt8] { file.bytes(at: offset, count: min(size, 1 << 30)) }

  /// `memcpy@@GLIBC_2.14` -> `memcpy`.
  static func withoutVersion(_ name: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let at = name.dropFirst().firstIndex(of: UInt8(ascii: "@")) else { return name }
    return name[..<at]
  }
}

/// Hash of name -> index of symbol; open addressing, at most half full. Names are compared by the caller, in the file.
struct NameIndex: Sendable {
  /// Symbol index + 1; 0 is empty.
  private var slots: [UInt32]
  private let mask: Int
  /// Names that collide or are equal: more than these at one place are not looked at.
  private static let longestProbe = 256
  private static let mostEqual = 4

  init(nameOffsets: [UInt32], flags: [UInt8], names: [NameSection]) {
    var capacity = 16
    while capacity < nameOffsets.count * 2 { capacity *= 2 }
    mask = capacity - 1
    slots = [UInt32](repeating: 0, count: capacity)
    let contents = names.map { $0.content() }
    var hashes = [UInt64](repeating: 0, count: capacity)
    // Names may share their ends, but not so much that hashing them is more than this.
    var budget = contents.reduce(1 << 20) { $0 + 4 * $1.count }
    // Global symbols first: of many local ones with one name only a few are kept.
    for wanted in [SymbolTable.Flags.global, []] {
      for index in nameOffsets.indices {
        let flag = SymbolTable.Flags(rawValue: flags[index])
        guard flag.intersection(.global) == wanted else { continue }
        guard budget > 0 else { return }
        let (hash, length) = Self.hash(contents[flag.contains(.dynamic) ? 1 : 0], from: Int(nameOffsets[index]))
        budget -= length
        insert(UInt32(truncatingIfNeeded: index + 1), hash, &hashes)
      }
    }
  }

  private mutating func insert(_ symbol: UInt32, _ hash: UInt64, _ hashes: inout [UInt64]) {
    var slot = Int(truncatingIfNeeded: hash) & mask
    var equal = 0
    for _ in 0..<Self.longestProbe {
      if slots[slot] == 0 {
        slots[slot] = symbol
        hashes[slot] = hash
        return
      }
      if hashes[slot] == hash { equal += 1 }
      if equal == Self.mostEqual { return }
      slot = (slot + 1) & mask
    }
  }

  /// Symbols whose name may be `name`.
  func candidates(for name: String) -> [Int] {
    let bytes = Array(name.utf8) + [0]
    var slot = Int(truncatingIfNeeded: Self.hash(bytes, from: 0).value) & mask
    var result: [Int] = []
    while slots[slot] != 0, result.count < Self.longestProbe {
      result.append(Int(slots[slot]) - 1)
      slot = (slot + 1) & mask
    }
    return result
  }

  /// 64-bit FNV-1a up to the NUL or the version, folded; and how many bytes that were.
  private static func hash(_ bytes: [UInt8], from start: Int) -> (value: UInt64, length: Int) {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    var length = 0
    bytes.withUnsafeBufferPointer { buffer in
      var position = start
      let end = min(buffer.count, start + NameSection.longestName)
      while position < end {
        let byte = buffer[position]
        if byte == 0 || (byte == UInt8(ascii: "@") && position > start) { break }
        value = (value ^ UInt64(byte)) &* 0x100_0000_01b3
        position += 1
      }
      length = position - start
    }
    return (value ^ (value >> 32), length)
  }
}
