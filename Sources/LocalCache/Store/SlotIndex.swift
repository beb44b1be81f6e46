import CLocalCache

/// From a hash to the identifier of an entry: four bytes an entry, in buckets of one cache line.
///
/// A bucket has 15 slots and a word that counts the entries which went past it because it was full; all slots are compared at once, so a
/// look-up has no branch that depends on where in the bucket a key stands. This is F14 of Folly (Bronson and Shi, 2019), with identifiers in
/// place of entries. A slot holds the identifier and as many low bits of the hash as fit beside it; 0 is free. The bucket follows from the high
/// bits (`hash * buckets >> 32`, Lemire, "Fast random integer generation in an interval", 2019), so there can be any number of them: the
/// index grows by a half, and between growths 57 to 86 % of the slots are in use, which is 4.9 to 7.5 bytes an entry. Hashes are kept by the
/// policy's nodes, so growing and removing never call a key's `hash(into:)`. It takes no more slots than a full cache needs, where the policy can say
/// how many entries that will have: 77 % are in use then.
@usableFromInline
struct SlotIndex {
  @usableFromInline var words: UnsafeMutablePointer<UInt32>
  @usableFromInline var buckets: UInt32
  @usableFromInline var idBits: UInt32
  @usableFromInline var count: UInt32 = 0
  /// Entries from which on it has to grow.
  private var greatestCount: UInt32

  @usableFromInline static let bucketSize = 16
  @usableFromInline static let slotBits: UInt32 = 0x7FFF
  @usableFromInline static let overflow = 15
  /// Slots of a bucket in use, at most and on average.
  private static let greatestFill: UInt32 = 13

  init() { self.init(buckets: 1) }

  private init(buckets: UInt32) {
    self.buckets = buckets
    let size = Int(buckets) * Self.bucketSize
    words = UnsafeMutableRawPointer.allocate(byteCount: size * 4, alignment: 64).bindMemory(
      to: UInt32.self, capacity: size)
    words.initialize(repeating: 0, count: size)
    idBits = Self.bits(for: buckets)
    greatestCount = buckets * Self.greatestFill
  }

  func deallocate() { words.deallocate() }

  /// Identifiers begin after the policy's list heads.
  private static func bits(for buckets: UInt32) -> UInt32 {
    UInt32(UInt32.bitWidth - (buckets * UInt32(bucketSize) + NodePool.reserved).leadingZeroBitCount)
  }

  @inlinable @inline(__always)
  func home(_ hash: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(hash) &* UInt64(buckets)) &>> 32)
  }

  /// Never 0, so that a free slot has no tag that is looked for.
  @inlinable @inline(__always)
  func tag(_ hash: UInt32) -> UInt32 { (hash | 1) &<< idBits }

  @inlinable @inline(__always)
  func bucket(_ place: UInt32) -> UnsafeMutablePointer<UInt32> { words + Int(place) &* Self.bucketSize }

  @inlinable @inline(__always)
  func next(_ place: UInt32) -> UInt32 { place &+ 1 == buckets ? 0 : place &+ 1 }

  /// The first entry in the home bucket whose tag is that of the hash: nearly always the one that is looked for. 0 if there is none there.
  @inlinable @inline(__always)
  func candidate(_ hash: UInt32) -> UInt32 {
    let bucket = bucket(home(hash))
    let idMask = (1 as UInt32) &<< idBits &- 1
    let matches = localcache_matches(bucket, tag(hash), ~idMask) & Self.slotBits
    return matches == 0 ? 0 : bucket[matches.trailingZeroBitCount] & idMask
  }

  /// Whether no entry of this home bucket went past it.
  @inlinable @inline(__always)
  func isComplete(_ hash: UInt32) -> Bool { bucket(home(hash))[Self.overflow] == 0 }

  /// The entry with this hash that `isMatch` accepts, or 0.
  @inlinable @inline(__always)
  func find(_ hash: UInt32, _ isMatch: (UInt32) -> Bool) -> UInt32 {
    let idMask = (1 as UInt32) &<< idBits &- 1
    let first = home(hash)
    var place = first
    while true {
      let bucket = bucket(place)
      var matches = localcache_matches(bucket, tag(hash), ~idMask) & Self.slotBits
      while matches != 0 {
        let id = bucket[matches.trailingZeroBitCount] & idMask
        if isMatch(id) { return id }
        matches &= matches &- 1
      }
      if bucket[Self.overflow] == 0 { return 0 }
      place = next(place)
      if place == first { return 0 }
    }
  }

  /// Adds an entry's identifier, which is not there yet, with a larger table if need be.
  @usableFromInline
  mutating func add(_ id: UInt32, hash: UInt32, pool: NodePool) {
    // The new one is among the pool's nodes already.
    if count >= greatestCount || id >> idBits != 0 { grow(pool: pool) } else { insert(id, hash: hash) }
  }

  @inline(__always)
  private mutating func insert(_ id: UInt32, hash: UInt32) {
    var place = home(hash)
    while true {
      let bucket = bucket(place)
      let free = localcache_matches(bucket, 0, .max) & Self.slotBits
      if free != 0 {
        bucket[free.trailingZeroBitCount] = tag(hash) | id
        count += 1
        return
      }
      bucket[Self.overflow] += 1
      place = next(place)
    }
  }

  /// Takes an identifier out.
  @usableFromInline
  mutating func remove(_ id: UInt32, hash: UInt32) {
    let idMask = (1 as UInt32) &<< idBits &- 1
    let first = home(hash)
    var place = first
    while true {
      let bucket = bucket(place)
      let found = localcache_matches(bucket, id, idMask) & Self.slotBits
      if found != 0 {
        bucket[found.trailingZeroBitCount] = 0
        break
      }
      place = next(place)
      guard bucket[Self.overflow] != 0, place != first else { return }
    }
    count -= 1
    var passed = first
    while passed != place {
      bucket(passed)[Self.overflow] -= 1
      passed = next(passed)
    }
  }

  /// A table half as large again, or as large as a full cache needs. Linear in the number of entries.
  private mutating func grow(pool: NodePool) {
    // 11.5 entries a bucket.
    let expected = UInt32(clamping: (UInt64(pool.expected) * 2 + 22) / 23)
    var larger = min(buckets + buckets / 2 + 1, max(expected, buckets + buckets / 8 + 1))
    while count >= larger * Self.greatestFill || pool.highWater >> Self.bits(for: larger) != 0 {
      larger += larger / 2 + 1
    }
    let old = words
    self = SlotIndex(buckets: larger)
    // In the order of the nodes, which are many; the index is small.
    pool.visitInUse { id, node in insert(id, hash: node.pointee.hash) }
    old.deallocate()
  }

  /// The identifiers of all entries.
  @inlinable
  func visit(_ body: (UInt32) -> Void) {
    let idMask = (1 as UInt32) &<< idBits &- 1
    for place in 0..<buckets {
      for slot in 0..<Self.bucketSize &- 1 where bucket(place)[slot] != 0 { body(bucket(place)[slot] & idMask) }
    }
  }

  mutating func removeAll() {
    words.deallocate()
    self = SlotIndex()
  }
}
