/// One access of a sampled key, in eight bytes.
@usableFromInline
struct AccessNote: Sendable, Equatable {
  @usableFromInline
  enum Kind: UInt64, Sendable {
    case hit = 0
    case miss = 1
    case stored = 2
  }

  /// 32 bits of key, 2 of kind, 6 of age, 24 of weight.
  let word: UInt64

  init(word: UInt64) { self.word = word }

  /// - Parameters:
  ///   - key: bits of the hash.
  ///   - weight: in units of the policy, up to 2^28; above 2^20 the lowest bits are lost.
  ///   - age: ticks since the entry was written, of a hit, where somebody looked.
  init(key: UInt32, kind: Kind, weight: UInt64, age: UInt32? = nil) {
    let bucket = age.map { UInt64(UInt32.bitWidth - $0.leadingZeroBitCount) + 1 } ?? 0
    word = UInt64(key) | kind.rawValue << 32 | bucket << 34 | Self.packed(weight) << 40
  }

  var key: UInt32 { UInt32(truncatingIfNeeded: word) }
  var kind: Kind { Kind(rawValue: word >> 32 & 3) ?? .hit }
  /// Number of bits of the age, 0...32; nil where nobody looked.
  var ageBits: Int? {
    let bucket = Int(word >> 34 & 63)
    return bucket == 0 ? nil : bucket - 1
  }
  var weight: UInt64 { (word >> 44) << (word >> 40 & 15) }

  /// 20 bits above 4 that say how far they are shifted.
  private static func packed(_ weight: UInt64) -> UInt64 {
    let bounded = min(weight, PolicyNode.maximumWeight)
    let shift = UInt64(max(0, UInt64.bitWidth - bounded.leadingZeroBitCount - 20))
    return (bounded >> shift) << 4 | shift
  }
}
