/// How long ago the access before a hit was, in 60 classes; misses are a class of their own.
///
/// Time is counted in insertions, in which caches of any size agree on what is long: an entry that was used again after a tenth of a cache's
/// worth of insertions is a hit in a cache of that size, and hardly in one of a twentieth. The classes grow with the fourth power, so that each
/// is narrow beside the time it stands for, and end at four times the entries there are.
enum ReuseClass {
  /// The class of misses.
  static let miss: UInt8 = 0
  static let count = 61

  /// The class of a hit, 1...60.
  @inline(__always)
  static func of(insertions: UInt32, entries: Int) -> UInt8 {
    let caches = Float(Int32(truncatingIfNeeded: insertions)) / Float(Int32(truncatingIfNeeded: max(entries, 1)))
    return 1 &+ floor(min((caches / 4).squareRoot().squareRoot() * 60, 59.5))
  }
}

extension ReuseClass {
  /// Of a number from 0 to some hundred: with 2^23 added, the whole part stands in the lowest bits. A conversion has to look for what it cannot convert.
  @inline(__always)
  private static func floor(_ number: Float) -> UInt8 {
    UInt8(truncatingIfNeeded: (max(number - 0.5, 0) + 8_388_608).bitPattern)
  }
}

extension EvictionPolicy {
  /// The class of a hit of this entry, as long as the hit is not noted yet. Threads that read together may call this at the same time.
  @usableFromInline
  func reuse(of id: UInt32) -> UInt8 {
    let access = pool.sharedAccess(id).pointee.load(ordering: .relaxed)
    return ReuseClass.of(insertions: (stamp &- access >> 8) & 0xFF_FFFF, entries: count)
  }

  /// The weights of the entries whose hash is below this. Linear in the number of all.
  func weights(below threshold: UInt32) -> [UInt64] {
    var weights: [UInt64] = []
    pool.visitInUse { _, node in
      if node.pointee.hash < threshold { weights.append(node.pointee.weight) }
    }
    return weights
  }
}
