/// Types of blocks in a few bits each: the most frequent types have codes, and the blocks of all others are kept apart.
///
/// May be read by several threads while nobody writes.
final class PackedTypes: @unchecked Sendable {
  /// Bits of a code: 4 or 8.
  let bits: Int
  private let words: FlatArray<UInt64>
  /// Code -> type; the last code stands for all others.
  private let types: [Int]
  private let codes: [Int: UInt64]
  private var others: [UInt32: UInt32] = [:]

  /// Of a block of a type without a code.
  private static let otherBytes: UInt64 = 24
  /// What marking gives to blocks always has a code.
  private static let always = [
    TypedHeap.unknown, TypedHeap.allocatorInternal, TypedHeap.sideTable, TypedHeap.emptySideTable,
  ]

  /// - Parameters:
  ///   - count: number of blocks.
  ///   - counts: by type, how many of these it has.
  init(count: Int, counts: [Int]) {
    bits = [4, 8].min { Self.bytes(count, counts, bits: $0) < Self.bytes(count, counts, bits: $1) } ?? 8
    types = Self.frequent(counts, bits: bits)
    codes = Dictionary(uniqueKeysWithValues: types.enumerated().map { ($1, UInt64($0)) })
    words = FlatArray(repeating: 0, count: (count * bits + 63) >> 6)
    others.reserveCapacity(count - types.reduce(0) { $0 + ($1 < counts.count ? counts[$1] : 0) })
  }

  /// Bytes that the smaller choice takes.
  static func bytes(_ count: Int, _ counts: [Int]) -> UInt64 {
    min(bytes(count, counts, bits: 4), bytes(count, counts, bits: 8))
  }

  private static func bytes(_ count: Int, _ counts: [Int], bits: Int) -> UInt64 {
    let coded = frequent(counts, bits: bits).reduce(0) { $0 + ($1 < counts.count ? counts[$1] : 0) }
    return UInt64(count * bits / 8) + UInt64(max(count - coded, 0)) * otherBytes
  }

  private static func frequent(_ counts: [Int], bits: Int) -> [Int] {
    let rest = counts.indices.dropFirst(always.count).sorted { (counts[$0], $1) > (counts[$1], $0) }
    return Array((always + rest).prefix(1 << bits - 1))
  }

  private var other: UInt64 { 1 << UInt64(bits) - 1 }

  @inline(__always)
  subscript(block: Int) -> Int {
    get {
      let bit = block * bits
      let code = words[bit >> 6] >> UInt64(bit & 63) & other
      return code == other ? Int(others[UInt32(block)] ?? 0) : types[Int(code)]
    }
    set {
      let bit = block * bits
      let code = codes[newValue] ?? other
      if code == other { others[UInt32(block)] = UInt32(newValue) }
      let shift = UInt64(bit & 63)
      words[bit >> 6] = words[bit >> 6] & ~(other << shift) | code << shift
    }
  }
}
