/// Notes in a ring: three bytes each, four where there are many, and two more where weights differ.
///
/// A key is the upper half of a hash, and sampled ones are below a threshold. Of the bits that are left, the upper 18 tell two thousand keys apart: of as many,
/// eight are taken for another one on average. Where there are more notes than `few`, eight further bits of each are kept.
struct NoteRing {
  /// Notes that 18 bits of key are enough for.
  static let few = 4096

  private var low: [UInt16] = []
  /// Two bits of key above the code of a tag.
  private var tags: [UInt8] = []
  /// The further bits; empty where there are none.
  private var fine: [UInt8] = []
  /// Empty while all weights are 1.
  private var weights: [PackedWeight] = []
  /// Bits of a key that are left out.
  private let shift: UInt32
  private var capacity: Int
  /// Notes at the beginning of the ring that were there before further bits were kept.
  private var coarse = 0

  /// - Parameters:
  ///   - capacity: notes that are kept; a power of two.
  ///   - threshold: above all keys.
  init(capacity: Int, below threshold: UInt32) {
    self.capacity = capacity
    shift = Self.shift(below: threshold)
  }

  private static func shift(below threshold: UInt32) -> UInt32 {
    UInt32(max(0, UInt32.bitWidth - threshold.leadingZeroBitCount - 26))
  }

  var count: Int { low.count }
  private var isFine: Bool { capacity > Self.few }

  /// How many keys below a threshold are told apart once the ring has another capacity, and how many a new ring could tell apart.
  func distinctKeys(below threshold: UInt32, capacity: Int) -> (here: Int, anew: Int) {
    func keys(shift: UInt32, isFine: Bool) -> Int { Int(threshold >> shift) >> (isFine ? 0 : 8) }
    let willBeFine = capacity > Self.few
    return (
      keys(shift: shift, isFine: willBeFine && (isFine && coarse == 0 || count == 0)),
      keys(shift: Self.shift(below: threshold), isFine: willBeFine)
    )
  }

  // MARK: One note

  /// The key without the bits that are left out: for all notes the same ones.
  func key(_ place: Int) -> UInt32 {
    let further = isFine && coarse == 0 ? UInt32(fine[place]) : 0
    return (UInt32(tags[place] >> 6) << 24 | UInt32(low[place]) << 8 | further) << shift
  }

  func tag(_ place: Int) -> NoteTag { NoteTag(code: tags[place] & 63) }
  mutating func setTag(_ tag: NoteTag, at place: Int) { tags[place] = tags[place] & 192 | tag.code }

  func weight(_ place: Int) -> UInt64 { weights.isEmpty ? 1 : weights[place].value }

  mutating func setWeight(_ weight: UInt64, at place: Int) {
    if weights.isEmpty {
      guard weight > 1 else { return }
      weights.reserveCapacity(low.capacity)
      weights = [PackedWeight](repeating: PackedWeight(1), count: count)
    }
    weights[place] = PackedWeight(weight)
  }

  /// Puts a note in the place of an old one, or behind all.
  mutating func write(_ key: UInt32, _ tag: NoteTag, weight: UInt64, at place: Int) {
    let bits = key >> shift
    let (low, high) = (UInt16(truncatingIfNeeded: bits >> 8), UInt8(truncatingIfNeeded: bits >> 24) << 6 | tag.code)
    if place == count {
      self.low.append(low)
      tags.append(high)
      if isFine { fine.append(UInt8(truncatingIfNeeded: bits)) }
      if !weights.isEmpty { weights.append(PackedWeight(0)) }
    } else {
      (self.low[place], tags[place]) = (low, high)
      if isFine { fine[place] = UInt8(truncatingIfNeeded: bits) }
      if place + 1 == coarse { coarse = 0 }
    }
    setWeight(weight, at: place)
  }

  /// Where the key is among so many places before the next one, the nearest first.
  func place(of key: UInt32, before next: Int, within distance: Int) -> Int? {
    let bits = key >> shift
    let wanted = UInt16(truncatingIfNeeded: bits >> 8)
    return low.withUnsafeBufferPointer { low in
      for step in 1...distance {
        let place = (next &- step) & (capacity &- 1)
        guard place < low.count else { return nil }
        guard low[place] == wanted, tags[place] >> 6 == UInt8(truncatingIfNeeded: bits >> 24) else { continue }
        if !isFine || fine[place] == UInt8(truncatingIfNeeded: bits) { return place }
      }
      return nil
    }
  }

  // MARK: All notes

  mutating func reserveCapacity(_ count: Int) {
    low.reserveCapacity(count)
    tags.reserveCapacity(count)
    if isFine { fine.reserveCapacity(count) }
    if !weights.isEmpty { weights.reserveCapacity(count) }
  }

  /// The ring becomes the beginning of a larger one.
  ///
  /// - Parameter first: the place of the oldest note.
  mutating func grow(to capacity: Int, first: Int) {
    func ordered<Element>(_ notes: [Element]) -> [Element] { Array(notes[first...] + notes[..<first]) }
    let wasFine = isFine
    self.capacity = capacity
    (low, tags) = (ordered(low), ordered(tags))
    if !weights.isEmpty { weights = ordered(weights) }
    guard isFine else { return }
    fine = wasFine ? ordered(fine) : [UInt8](repeating: 0, count: count)
    if !wasFine || coarse > 0 { coarse = count }
  }
}

/// What a note says beside key and weight, in six bits: the class of reuse of a hit, or what else it was.
struct NoteTag: Equatable {
  let code: UInt8

  static let miss = NoteTag(code: 60)
  static let loaded = NoteTag(code: 61)
  static let stored = NoteTag(code: 62)
  static let removed = NoteTag(code: 63)

  init(code: UInt8) { self.code = code }

  static func hit(_ reuse: UInt8) -> NoteTag { NoteTag(code: min(max(reuse, 1), UInt8(ReuseClass.count - 1)) - 1) }

  var kind: AccessLog.Kind {
    switch self {
    case .miss: .miss
    case .loaded: .loaded
    case .stored: .stored
    case .removed: .removed
    default: .hit
    }
  }

  var reuse: UInt8 { code < Self.miss.code ? code + 1 : ReuseClass.miss }
}

/// A weight in two bytes: eleven bits above five that say how far they are shifted.
struct PackedWeight {
  private let bits: UInt16

  init(_ weight: UInt64) {
    let bounded = min(weight, PolicyNode.maximumWeight)
    let shift = UInt64(max(0, UInt64.bitWidth - bounded.leadingZeroBitCount - 11))
    bits = UInt16((bounded >> shift) << 5 | shift)
  }

  var value: UInt64 { UInt64(bits >> 5) << UInt64(bits & 31) }
}
