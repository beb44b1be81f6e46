/// One entry of a miniature, packed: its hash, or a part of it, its neighbours in a list and in a chain, the list, and its hits.
protocol ModelSlot {
  /// The number of a slot; 0 stands for none in chains.
  associatedtype Link: FixedWidthInteger & UnsignedInteger
  /// Slots in use are at most so many.
  static var greatestCount: Int { get }
  /// Bits of a hash that are kept.
  static var hashMask: UInt32 { get }
  /// Whether the lower 16 bits of the hashes lie beside each other elsewhere, and are all looked at: few need no chains.
  static var isScanned: Bool { get }

  init()
  /// All bits that are kept; where slots are scanned, those above the lower 16.
  var hash: UInt32 { get set }
  var previous: Link { get set }
  var next: Link { get set }
  /// The next slot of the same bucket; 0 ends the chain. Not where slots are scanned.
  var chain: Link { get set }
  /// 0 to 3.
  var list: Link { get set }
  /// 0 to 3.
  var hits: Link { get set }
}

/// Three bytes, and two of hash elsewhere, for models of up to 252 entries: they tell a million keys apart.
struct SmallModelSlot: ModelSlot {
  static let greatestCount = 255
  static let hashMask: UInt32 = 1 << 20 - 1
  static let isScanned = true

  var previous: UInt8 = 0
  var next: UInt8 = 0
  /// From below: two bits for the list, two for the hits, four of the hash.
  private var bits: UInt8 = 0

  var chain: UInt8 {
    get { 0 }
    set {}
  }
  var list: UInt8 {
    get { bits & 3 }
    set { bits = bits & ~3 | newValue }
  }
  var hits: UInt8 {
    get { bits &>> 2 & 3 }
    set { bits = bits & ~12 | newValue &<< 2 }
  }
  var hash: UInt32 {
    get { UInt32(bits &>> 4) }
    set { bits = bits & 15 | UInt8(truncatingIfNeeded: newValue) &<< 4 }
  }
}

/// Eight bytes, for models of up to a thousand entries.
struct LargeModelSlot: ModelSlot {
  static let greatestCount = 1003
  static let hashMask: UInt32 = 1 << 30 - 1
  static let isScanned = false

  /// From below: two bits for the list, two for the hits, ten for each of three links, thirty for the hash.
  private var bits: UInt64 = 0

  private func field(_ shift: UInt64, _ width: UInt64) -> UInt16 {
    UInt16(truncatingIfNeeded: bits &>> shift & (1 &<< width &- 1))
  }
  private mutating func setField(_ shift: UInt64, _ width: UInt64, _ value: UInt16) {
    bits = bits & ~((1 &<< width &- 1) &<< shift) | UInt64(value) &<< shift
  }

  var list: UInt16 {
    get { field(0, 2) }
    set { setField(0, 2, newValue) }
  }
  var hits: UInt16 {
    get { field(2, 2) }
    set { setField(2, 2, newValue) }
  }
  var previous: UInt16 {
    get { field(4, 10) }
    set { setField(4, 10, newValue) }
  }
  var next: UInt16 {
    get { field(14, 10) }
    set { setField(14, 10, newValue) }
  }
  var chain: UInt16 {
    get { field(24, 10) }
    set { setField(24, 10, newValue) }
  }
  var hash: UInt32 {
    get { UInt32(truncatingIfNeeded: bits &>> 34) }
    set { bits = bits & (1 << 34 - 1) | UInt64(newValue) &<< 34 }
  }
}
