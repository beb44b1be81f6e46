/// The keys of notes, three bytes each, in a ring.
///
/// A key is the upper half of a hash, and sampled ones are below a threshold; the upper 24 of the bits that are left tell some ten thousand keys apart.
struct NoteKeys {
  private var low: [UInt16] = []
  private var high: [UInt8] = []
  /// Bits that are left out.
  private let shift: UInt32

  /// - Parameter threshold: above all keys.
  init(below threshold: UInt32) {
    shift = UInt32(max(0, UInt32.bitWidth - threshold.leadingZeroBitCount - 24))
  }

  var count: Int { low.count }

  /// The key without the bits that are left out.
  subscript(_ place: Int) -> UInt32 {
    get { (UInt32(high[place]) << 16 | UInt32(low[place])) << shift }
    set { (low[place], high[place]) = (lowBits(newValue), highBits(newValue)) }
  }

  private func lowBits(_ key: UInt32) -> UInt16 { UInt16(truncatingIfNeeded: key >> shift) }
  private func highBits(_ key: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: (key >> shift) >> 16) }

  mutating func append(_ key: UInt32) {
    low.append(lowBits(key))
    high.append(highBits(key))
  }

  mutating func reserveCapacity(_ count: Int) {
    low.reserveCapacity(count)
    high.reserveCapacity(count)
  }

  /// Begins the ring with what is at the first of these places.
  mutating func reorder(_ order: [Int]) {
    low = order.map { low[$0] }
    high = order.map { high[$0] }
  }

  /// Where the key is among so many places before the next one, the nearest first.
  ///
  /// - Parameter mask: one less than the size of the ring, a power of two.
  func place(of key: UInt32, before next: Int, within distance: Int, mask: Int) -> Int? {
    let wanted = (lowBits(key), highBits(key))
    return low.withUnsafeBufferPointer { low in
      for step in 1...distance {
        let place = (next &- step) & mask
        guard place < low.count else { return nil }
        if low[place] == wanted.0, high[place] == wanted.1 { return place }
      }
      return nil
    }
  }
}
