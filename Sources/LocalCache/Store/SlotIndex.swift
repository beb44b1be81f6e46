import CLocalCache

/// From a hash to the identifier of an entry: four bytes an entry, in buckets of one cache line.
///
/// A bucket has 16 slots, and a byte elsewhere counts the entries which went past it because it was full; all slots are compared at once, so a
/// look-up has no branch that depends on where in the bucket a key stands. This is F14 of Folly (Bronson and Shi, 2019), with identifiers in
/// place of entries. A slot holds the identifier and below it as many low bits of the hash as fit; 0 is free. The bucket follows from the high
/// bits (`hash * buckets >> 32`, Lemire, "Fast random integer generation in an interval", 2019), so there can be any number of them: the
/// index grows by a half, and between growths 54 to 81 % of the slots are in use, which is 4.9 to 7.5 bytes an entry. Hashes are kept by the
/// policy's nodes, so growing and removing never call a key's `hash(into:)`. It takes no more slots than a full cache needs, where the policy can say
/// how many entries that will have.
@usableFromInline
struct SlotIndex {
  @usableFromInline var words: UnsafeMutablePointer<UInt32>
  @usableFromInline var buckets: UInt32
  /// Of a slot, those that are of the hash.
  @usableFromInline var tagMask: UInt32
  @usableFromInline var tagBits: UInt32
  @usableFromInline var count: UInt32 = 0
  /// Entries from which on it has to grow.
  @usableFromInline private(set) var greatestCount: UInt32

  @usableFromInline static let bucketSize = 16
  /// A count of entries that went past a bucket and is never counted down again, because there were that many.
  private static let manyPassed = UInt8.max
  /// Slots of a bucket in use, at most and on average.
  private static let greatestFill: UInt32 = 13

  init() { self.init(buckets: 1) }

  private init(buckets: UInt32) {
    self.buckets = buckets
    let size = Int(buckets) * Self.bucketSize
    // The counts follow the buckets.
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size * 4 + Int(buckets), alignment: 64)
    words = memory.bindMemory(to: UInt32.self, capacity: size)
    words.initialize(repeating: 0, count: size)
    (memory + size * 4).initializeMemory(as: UInt8.self, repeating: 0, count: Int(buckets))
    tagBits = 32 - Self.idBits(for: buckets)
    tagMask = 1 << tagBits - 1
    greatestCount = buckets * Self.greatestFill
  }

  func deallocate() { words.deallocate() }

  var block: UnsafeRawPointer { UnsafeRawPointer(words) }

  /// Identifiers begin after the policy's list heads.
  private static func idBits(for buckets: UInt32) -> UInt32 {
    UInt32(UInt32.bitWidth - (buckets * UInt32(bucketSize) + NodePool.reserved).leadingZeroBitCount)
  }

  @inlinable @inline(__always)
  func home(_ hash: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(hash) &* UInt64(buckets)) &>> 32)
  }

  /// Never 0, so that a free slot has no tag that is looked for.
  @inlinable @inline(__always)
  func tag(_ hash: UInt32) -> UInt32 { (hash | 1) & tagMask }

  @inlinable @inline(__always)
  func bucket(_ place: UInt32) -> UnsafeMutablePointer<UInt32> { words + Int(place) &* Self.bucketSize }

  /// How many entries went past a bucket because it was full.
  @inlinable @inline(__always)
  func passed(_ place: UInt32) -> UnsafeMutablePointer<UInt8> {
    let counts = UnsafeMutableRawPointer(words + Int(buckets) &* Self.bucketSize)
    return (counts + Int(place)).assumingMemoryBound(to: UInt8.self)
  }

  @inlinable @inline(__always)
  func next(_ place: UInt32) -> UInt32 { place &+ 1 == buckets ? 0 : place &+ 1 }

  @inlinable @inline(__always)
  func prefetch(_ hash: UInt32) { localcache_prefetch(bucket(home(hash))) }

  /// The first entry in the home bucket whose tag is that of the hash: nearly always the one that is looked for. Nil if there is none there.
  @inlinable @inline(__always)
  func candidate(_ hash: UInt32) -> UInt32? {
    let bucket = bucket(home(hash))
    let matches = localcache_matches(bucket, tag(hash), tagMask)
    return matches == 0 ? nil : bucket[matches.trailingZeroBitCount] &>> tagBits
  }

  /// Whether no entry of this home bucket went past it.
  @inlinable @inline(__always)
  func isComplete(_ hash: UInt32) -> Bool { passed(home(hash)).pointee == 0 }

  /// The entry with this hash that `isMatch` accepts, or 0. `beyondHome` says that the home bucket has nothing with this tag and was full.
  @inlinable @inline(__always)
  func find(_ hash: UInt32, beyondHome: Bool, _ isMatch: (UInt32) -> Bool) -> UInt32 {
    let first = home(hash)
    var place = beyondHome ? next(first) : first
    repeat {
      let bucket = bucket(place)
      var matches = localcache_matches(bucket, tag(hash), tagMask)
      while matches != 0 {
        let id = bucket[matches.trailingZeroBitCount] &>> tagBits
        if isMatch(id) { return id }
        matches &= matches &- 1
      }
      if passed(place).pointee == 0 { return 0 }
      place = next(place)
    } while place != first
    return 0
  }

  /// Whether the table has to grow before an entry goes in.
  @inlinable @inline(__always)
  func isFull(for id: UInt32) -> Bool { count >= greatestCount || id &>> (32 &- tagBits) != 0 }

  /// Adds an entry's identifier, which is not there yet. The table must not be full.
  @usableFromInline
  mutating func insert(_ id: UInt32, hash: UInt32) {
    var place = home(hash)
    while true {
      let bucket = bucket(place)
      let free = localcache_matches(bucket, 0, .max)
      if free != 0 {
        bucket[free.trailingZeroBitCount] = tag(hash) | id &<< tagBits
        count += 1
        return
      }
      let passed = passed(place)
      if passed.pointee != Self.manyPassed { passed.pointee &+= 1 }
      place = next(place)
    }
  }

  /// Takes an identifier out.
  @usableFromInline
  mutating func remove(_ id: UInt32, hash: UInt32) {
    let first = home(hash)
    var place = first
    while true {
      let bucket = bucket(place)
      let found = localcache_matches(bucket, id &<< tagBits, ~tagMask)
      if found != 0 {
        bucket[found.trailingZeroBitCount] = 0
        break
      }
      guard passed(place).pointee != 0 else { return }
      place = next(place)
      guard place != first else { return }
    }
    count -= 1
    var before = first
    while before != place {
      let passed = passed(before)
      if passed.pointee != Self.manyPassed { passed.pointee &-= 1 }
      before = next(before)
    }
  }

  /// A table half as large again, or as large as a full cache needs, with all nodes of the pool. Linear in their number.
  ///
  /// - Returns: the memory of the old one, which the caller frees.
  mutating func grow(pool: NodePool) -> UnsafeMutablePointer<UInt32> {
    // 11.5 entries a bucket.
    let expected = UInt32(clamping: (UInt64(pool.expected) * 2 + 22) / 23)
    var larger = min(buckets + buckets / 2 + 1, max(expected, buckets + buckets / 8 + 1))
    while count >= larger * Self.greatestFill || pool.highWater >> Self.idBits(for: larger) != 0 {
      larger += larger / 2 + 1
    }
    let old = words
    self = SlotIndex(buckets: larger)
    // In the order of the nodes, which are many; the index is small.
    pool.visitInUse { id, node in insert(id, hash: node.pointee.hash) }
    return old
  }

  /// The identifiers of all entries.
  @inlinable
  func visit(_ body: (UInt32) -> Void) {
    for place in 0..<buckets {
      for slot in 0..<Self.bucketSize where bucket(place)[slot] != 0 { body(bucket(place)[slot] &>> tagBits) }
    }
  }

  /// Returns its memory, which the caller frees.
  mutating func removeAll() -> UnsafeMutablePointer<UInt32> {
    let old = words
    self = SlotIndex()
    return old
  }
}
