/// How much an entry is worth keeping, for who can take only some along: a snapshot.
///
/// Greater is better: pinned entries, then those that were used most often lately, and of these those whose last use was later. Comparable between shards, whose
/// keys are a random share each: uses are counted in the same way, and time is told in turnovers of the shard.
struct EntryWorth: Comparable {
  /// Bit 31 for pinned ones; below, uses in eighths.
  private let uses: UInt32
  /// Insertions into the shard since the last use, in 4,096ths of its entries.
  private let age: UInt32

  /// - Parameters:
  ///   - uses: as far as the policy counts them.
  ///   - age: insertions since the last use.
  ///   - count: entries of the shard.
  init(isPinned: Bool, uses: UInt32, age: UInt32, count: Int) {
    let turnovers = UInt64(age) << 12 / UInt64(max(count, 1))
    self.age = UInt32(clamping: turnovers)
    // Uses before the last turnover say half as much, and so on: the sketch forgets that way, but what an entry itself has noted stays until somebody looks.
    let weighted = (min(uses, 1 << 16) << 3) >> UInt32(min(turnovers >> 12, 31))
    self.uses = (isPinned ? 1 << 31 : 0) | weighted
  }

  static func < (left: EntryWorth, right: EntryWorth) -> Bool {
    left.uses != right.uses ? left.uses < right.uses : left.age > right.age
  }
}

extension EvictionPolicy {
  /// Constant time. Beside readers, whose latest hits it may miss.
  func worth(of id: UInt32) -> EntryWorth {
    let access = pool.sharedAccess(id).pointee.load(ordering: .relaxed)
    // As long as there are no lists the sketch knows nothing.
    let counted = isFilling ? 0 : sketch.estimate(pool[id].pointee.hash)
    return EntryWorth(
      isPinned: isPinned(id), uses: counted + access & 255, age: (stamp &- access >> 8) & 0xFF_FFFF, count: count)
  }
}
