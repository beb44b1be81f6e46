/// One access that the statistics see, in eight bytes.
///
/// Two kinds of samples come together in the log: all accesses of a few keys, which can be replayed, and each so-many-th access of any key (a
/// probe), which says what the traffic as a whole is made of.
@usableFromInline
struct AccessNote: Sendable, Equatable {
  enum Kind: UInt64, Sendable {
    /// A sampled key was found.
    case hit = 0
    /// A sampled key was not found.
    case miss = 1
    /// A value of a sampled key was stored.
    case stored = 2
    /// One access of many, of any key.
    case probe = 3
    /// The program removed a sampled key, whether it had an entry or not.
    case removed = 4
  }

  /// 32 bits of key, or of age for probes; 3 of kind, 6 of class, 23 of weight.
  let word: UInt64

  init(word: UInt64) { self.word = word }

  /// - Parameters:
  ///   - key: bits of the hash.
  ///   - reuse: class of the time since the access before; see `ReuseClass`.
  ///   - weight: in units of the policy, up to 2^28; above 2^19 the lowest bits are lost.
  @inline(__always)
  init(key: UInt32, kind: Kind, reuse: UInt8 = ReuseClass.miss, weight: UInt64 = 0) {
    word = UInt64(key) | kind.rawValue << 32 | UInt64(reuse & 63) << 35 | Self.packed(weight) << 41
  }

  /// - Parameter age: ticks since the entry was written, where somebody looked.
  @inline(__always)
  init(probe reuse: UInt8, age: UInt32? = nil) {
    self.init(key: age.map { min($0, Self.unknownAge - 1) } ?? Self.unknownAge, kind: .probe, reuse: reuse)
  }

  private static let unknownAge = UInt32.max

  var key: UInt32 { UInt32(truncatingIfNeeded: word) }
  var age: UInt32? { key == Self.unknownAge ? nil : key }
  var kind: Kind { Kind(rawValue: word >> 32 & 7) ?? .hit }
  var reuse: UInt8 { UInt8(truncatingIfNeeded: word >> 35 & 63) }
  var weight: UInt64 { (word >> 45) << (word >> 41 & 15) }

  /// 19 bits above 4 that say how far they are shifted.
  @inline(__always)
  private static func packed(_ weight: UInt64) -> UInt64 {
    let bounded = min(weight, PolicyNode.maximumWeight)
    let shift = UInt64(max(0, UInt64.bitWidth - bounded.leadingZeroBitCount - 19))
    return (bounded >> shift) << 4 | shift
  }
}
