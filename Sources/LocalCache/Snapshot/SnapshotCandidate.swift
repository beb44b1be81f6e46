/// An entry that may go into a snapshot: where it is, and what it is worth.
struct SnapshotCandidate {
  let worth: EntryWorth
  let shard: UInt32
  let id: UInt32
  /// Tells whether another entry has taken its place meanwhile.
  let hash: UInt32
}

extension LocalCache {
  /// The entries that are most worth keeping, the best first: at most so many. O(n log n), and room for twice as many beside those of one shard.
  func snapshotCandidates(_ most: Int) -> [SnapshotCandidate] {
    guard most > 0 else { return [] }
    var best: [SnapshotCandidate] = []
    for index in 0...shardMask {
      best += candidates(ofShard: index)
      if best.count / 2 >= most { Self.keepBest(most, &best) }
    }
    Self.keepBest(most, &best)
    return best
  }

  private static func keepBest(_ most: Int, _ all: inout [SnapshotCandidate]) {
    all.sort { $0.worth > $1.worth }
    if all.count > most { all.removeLast(all.count - most) }
  }

  private func candidates(ofShard index: Int) -> [SnapshotCandidate] {
    let now = time.now
    return locked(shard(at: index)) { shard in
      var found: [SnapshotCandidate] = []
      found.reserveCapacity(shard.pointee.policy.count)
      shard.pointee.visitEntries { id in
        guard !shard.pointee.isOver(id, now: now) else { return }
        found.append(
          SnapshotCandidate(
            worth: shard.pointee.policy.worth(of: id), shard: UInt32(index), id: id,
            hash: shard.pointee.policy.pool[id].pointee.hash))
      }
      return found
    }
  }
}
