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
  private struct Part {
    var watched: [UInt64: Watched] = [:]
    /// Writes of any keys, which share the counters by their hashes: for values that a load brings although nobody asked for them.
    var writes = [UInt32](repeating: 0, count: 32)
  }
  private let parts = (0..<8).map { _ in Guarded(Part()) }

  private func part(of hash: UInt64) -> Guarded<Part> { parts[Int(truncatingIfNeeded: hash >> 61)] }
  private static func counter(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 56 & 31) }

  /// A load of a key begins. Returns what `isCurrent` wants to know later; `end` has to follow.
  func begin(_ hash: UInt64) -> UInt32 {
    part(of: hash).withLock { part in
      part.watched[hash, default: Watched()].loads += 1
      return part.watched[hash]?.writes ?? 0
    }
  }

  func end(_ hash: UInt64) {
    part(of: hash).withLock { part in
      part.watched[hash]?.loads -= 1
      if let left = part.watched[hash]?.loads, left <= 0 { part.watched[hash] = nil }
    }
  }

  /// The key was written or removed.
  @usableFromInline
  func noteWrite(_ hash: UInt64) {
    part(of: hash).withLock { part in
      part.watched[hash]?.writes &+= 1
      part.writes[Self.counter(hash)] &+= 1
    }
  }

  /// All keys were removed.
  func noteAllWritten() {
    for part in parts {
      part.withLock { part in
        for hash in part.watched.keys { part.watched[hash]?.writes &+= 1 }
        for index in part.writes.indices { part.writes[index] &+= 1 }
      }
    }
  }

  /// Whether the key has not been written since a load began.
  func isCurrent(_ hash: UInt64, since stamp: UInt32) -> Bool {
    part(of: hash).withLock { ($0.watched[hash]?.writes ?? 0) == stamp }
  }

  // MARK: Keys that nobody asked for

  /// What `mayBeWritten` wants to know later.
  func allWrites() -> [[UInt32]] { parts.map { part in part.withLock { $0.writes } } }

  /// Whether a key, of which nothing was known when a load began, may have been written since: surely if it was, and rarely if another was.
  func mayBeWritten(_ hash: UInt64, since all: [[UInt32]]) -> Bool {
    let index = Int(truncatingIfNeeded: hash >> 61)
    guard index < all.count else { return true }
    return parts[index].withLock { $0.writes[Self.counter(hash)] } != all[index][Self.counter(hash)]
  }
}

/// What was known of writes when a load began.
struct LoadStamps<Key: Hashable & Sendable>: Sendable {
  /// Of the keys that were asked for.
  var keys: [Key: UInt32] = [:]
  /// Of all others; empty where the load brings none.
  var others: [[UInt32]] = []
}
