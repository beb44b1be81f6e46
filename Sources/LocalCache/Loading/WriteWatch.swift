/// Which keys are written while they are being loaded: what a load brings that was overtaken by a write is not stored.
///
/// Keys are told apart by all 64 bits of their hashes, so that writes of others do not matter. Nearly always only a few loads are on their way, and
/// only while there are any do writes look here. The parts have locks of their own, because writers ask under the lock of a shard.
@usableFromInline
final class WriteWatch: Sendable {
  private struct Watched {
    /// Loads of the key, of which one at most is not out of date.
    var loads = 0
    /// Writes since the first of them began.
    var writes: UInt32 = 0
  }
  private let parts = (0..<8).map { _ in Guarded<[UInt64: Watched]>([:]) }

  private func part(of hash: UInt64) -> Guarded<[UInt64: Watched]> { parts[Int(truncatingIfNeeded: hash >> 61)] }

  /// A load of a key begins. Returns what `isCurrent` wants to know later; `end` has to follow.
  func begin(_ hash: UInt64) -> UInt32 {
    part(of: hash).withLock { watched in
      watched[hash, default: Watched()].loads += 1
      return watched[hash]?.writes ?? 0
    }
  }

  func end(_ hash: UInt64) {
    part(of: hash).withLock { watched in
      watched[hash]?.loads -= 1
      if let left = watched[hash]?.loads, left <= 0 { watched[hash] = nil }
    }
  }

  /// The key was written or removed.
  @usableFromInline
  func noteWrite(_ hash: UInt64) { part(of: hash).withLock { $0[hash]?.writes &+= 1 } }

  /// All keys were removed.
  func noteAllWritten() {
    for part in parts {
      part.withLock { watched in
        for hash in watched.keys { watched[hash]?.writes &+= 1 }
      }
    }
  }

  /// Whether the key has not been written since a load began.
  func isCurrent(_ hash: UInt64, since stamp: UInt32) -> Bool {
    part(of: hash).withLock { ($0[hash]?.writes ?? 0) == stamp }
  }
}
