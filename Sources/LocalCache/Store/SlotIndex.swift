/// From a hash to the identifier of an entry: open addressing with linear probing, four bytes a slot.
///
/// A slot holds the identifier and as many low bits of the hash as fit beside it; 0 is free. The place follows from the high bits
/// (`hash * capacity >> 32`, Lemire, "Fast random integer generation in an interval", 2019), so the capacity can be any number: the table
/// grows by a third, and between growths 60 to 80 % of it are in use, which is 5 to 6.7 bytes an entry. Hashes are kept by the policy's
/// nodes, so growing and removing never call a key's `hash(into:)`.
@usableFromInline
struct SlotIndex {
  @usableFromInline var slots: UnsafeMutablePointer<UInt32>
  @usableFromInline var capacity: UInt32
  @usableFromInline var idBits: UInt32
  @usableFromInline var count: UInt32 = 0

  @usableFromInline static let smallest: UInt32 = 16

  init() {
    capacity = Self.smallest
    idBits = Self.bits(for: Self.smallest)
    slots = .allocate(capacity: Int(capacity))
    slots.initialize(repeating: 0, count: Int(capacity))
  }

  func deallocate() { slots.deallocate() }

  /// Identifiers begin after the policy's list heads.
  private static func bits(for capacity: UInt32) -> UInt32 {
    UInt32(UInt32.bitWidth - (capacity + NodePool.reserved).leadingZeroBitCount)
  }

  @inlinable @inline(__always)
  func home(_ hash: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(hash) &* UInt64(capacity)) &>> 32)
  }

  /// The entry with this hash that `isMatch` accepts, or 0.
  @inlinable @inline(__always)
  func find(_ hash: UInt32, _ isMatch: (UInt32) -> Bool) -> UInt32 {
    let tag = hash &<< idBits
    let idMask = (1 as UInt32) &<< idBits &- 1
    var place = home(hash)
    while true {
      let slot = slots[Int(place)]
      if slot == 0 { return 0 }
      if slot & ~idMask == tag {
        let id = slot & idMask
        if isMatch(id) { return id }
      }
      place &+= 1
      if place == capacity { place = 0 }
    }
  }

  /// Whether one more entry needs a larger table: it is four fifths full, or the identifier does not fit beside a tag.
  private func needsGrowth(for id: UInt32) -> Bool {
    UInt64(count + 1) * 5 > UInt64(capacity) * 4 || id >> idBits != 0
  }

  /// Adds an entry's identifier, with a larger table if need be.
  @usableFromInline
  mutating func add(_ id: UInt32, hash: UInt32, pool: NodePool) {
    // The new one is among the pool's nodes already.
    if needsGrowth(for: id) { grow(pool: pool) } else { insert(id, hash: hash) }
  }

  /// Adds an identifier that is not there yet.
  private mutating func insert(_ id: UInt32, hash: UInt32) {
    var place = home(hash)
    while slots[Int(place)] != 0 {
      place += 1
      if place == capacity { place = 0 }
    }
    slots[Int(place)] = hash &<< idBits | id
    count += 1
  }

  /// Takes an identifier out and closes the gap: what stands behind it moves up as far as its own place allows (Knuth, TAOCP 3, 6.4 R).
  @usableFromInline
  mutating func remove(_ id: UInt32, hash: UInt32, pool: NodePool) {
    let idMask = (1 as UInt32) &<< idBits &- 1
    var gap = home(hash)
    while slots[Int(gap)] & idMask != id || slots[Int(gap)] == 0 {
      guard slots[Int(gap)] != 0 else { return }
      gap += 1
      if gap == capacity { gap = 0 }
    }
    count -= 1
    var place = gap
    while true {
      place += 1
      if place == capacity { place = 0 }
      let slot = slots[Int(place)]
      if slot == 0 { break }
      let wanted = home(pool.entry(slot & idMask).pointee.hash)
      // May the entry at `place` go back to the gap? Only if its own place is not after the gap.
      let fromHome = place >= wanted ? place - wanted : place + capacity - wanted
      let fromGap = place >= gap ? place - gap : place + capacity - gap
      if fromHome >= fromGap {
        slots[Int(gap)] = slot
        gap = place
      }
    }
    slots[Int(gap)] = 0
  }

  /// A table a third larger. Linear in the number of entries.
  private mutating func grow(pool: NodePool) {
    var larger = capacity + capacity / 3
    while UInt64(count + 1) * 5 > UInt64(larger) * 4
      || pool.highWater >> Self.bits(for: larger) != 0
    {
      larger += larger / 3
    }
    rebuild(capacity: larger, pool: pool)
  }

  private mutating func rebuild(capacity larger: UInt32, pool: NodePool) {
    let old = slots
    capacity = larger
    idBits = Self.bits(for: larger)
    slots = .allocate(capacity: Int(larger))
    slots.initialize(repeating: 0, count: Int(larger))
    count = 0
    // In the order of the nodes, which are many; the index is small.
    pool.visitInUse { id, hash in insert(id, hash: hash) }
    old.deallocate()
  }

  mutating func removeAll() {
    slots.deallocate()
    self = SlotIndex()
  }
}
