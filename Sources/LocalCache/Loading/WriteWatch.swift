import Synchronization

/// Which keys are written while they are being loaded: what a load brings that was overtaken by a write is not stored.
///
/// Keys are told apart by all 64 bits of their hashes, so that writes of others do not matter. Nearly always only a few loads are on their way, and
/// only while there are any do writes look here. The parts have locks of their own, because writers ask under the lock of a shard; the first load makes
/// them.
@usableFromInline
final class WriteWatch: @unchecked Sendable {
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
  private static let partCount = 8
  /// A plain pointer, so that writers have no count of references in common.
  private let made = Atomic<UnsafeMutablePointer<Guarded<Part>>?>(nil)

  deinit { made.load(ordering: .acquiring).map(Self.free) }

  private static func free(_ parts: UnsafeMutablePointer<Guarded<Part>>) {
    parts.deinitialize(count: partCount)
    parts.deallocate()
  }

  /// The parts, for a load that begins. A write that finds none comes before all loads.
  private func makeParts() -> UnsafeMutablePointer<Guarded<Part>> {
    if let made = made.load(ordering: .acquiring) { return made }
    let new = UnsafeMutablePointer<Guarded<Part>>.allocate(capacity: Self.partCount)
    for index in 0..<Self.partCount { (new + index).initialize(to: Guarded(Part())) }
    let (isFirst, others) = made.compareExchange(expected: nil, desired: new, ordering: .acquiringAndReleasing)
    if !isFirst { Self.free(new) }
    return others ?? new
  }

  private static func index(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 61) }
  private func part(of hash: UInt64) -> UnsafeMutablePointer<Guarded<Part>>? {
    made.load(ordering: .acquiring).map { $0 + Self.index(hash) }
  }
  private static func counter(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 56 & 31) }

  /// A load of a key begins. Returns what `isCurrent` wants to know later; `end` has to follow.
  func begin(_ hash: UInt64) -> UInt32 {
    makeParts()[Self.index(hash)].withLock { part in
      part.watched[hash, default: Watched()].loads += 1
      return part.watched[hash]?.writes ?? 0
    }
  }

  func end(_ hash: UInt64) {
    part(of: hash)?.pointee.withLock { part in
      part.watched[hash]?.loads -= 1
      if let left = part.watched[hash]?.loads, left <= 0 { part.watched[hash] = nil }
    }
  }

  /// The key was written or removed.
  @usableFromInline
  func noteWrite(_ hash: UInt64) {
    part(of: hash)?.pointee.withLock { part in
      part.watched[hash]?.writes &+= 1
      part.writes[Self.counter(hash)] &+= 1
    }
  }

  /// All keys were removed.
  func noteAllWritten() {
    guard let parts = made.load(ordering: .acquiring) else { return }
    for index in 0..<Self.partCount {
      parts[index].withLock { part in
        for hash in part.watched.keys { part.watched[hash]?.writes &+= 1 }
        for index in part.writes.indices { part.writes[index] &+= 1 }
      }
    }
  }

  /// Whether the key has not been written since a load began.
  func isCurrent(_ hash: UInt64, since stamp: UInt32) -> Bool {
    part(of: hash).map { $0.pointee.withLock { ($0.watched[hash]?.writes ?? 0) == stamp } } ?? true
  }

  /// The same, and lets no earlier load of the key store what it brings. Returns what `isCurrent` wants to know from then on; nil if the key has been written.
  func supersede(_ hash: UInt64, since stamp: UInt32) -> UInt32? {
    part(of: hash)?.pointee.withLock { part in
      guard let watched = part.watched[hash], watched.writes == stamp else { return nil }
      part.watched[hash]?.writes &+= 1
      part.writes[Self.counter(hash)] &+= 1
      return stamp &+ 1
    }
  }

  // MARK: Keys that nobody asked for

  /// What `mayBeWritten` wants to know later.
  func allWrites() -> [[UInt32]] {
    let parts = makeParts()
    return (0..<Self.partCount).map { index in parts[index].withLock { $0.writes } }
  }

  /// Whether a key, of which nothing was known when a load began, may have been written since: surely if it was, and rarely if another was.
  func mayBeWritten(_ hash: UInt64, since all: [[UInt32]]) -> Bool {
    let index = Self.index(hash)
    guard index < all.count, let part = part(of: hash) else { return true }
    return part.pointee.withLock { $0.writes[Self.counter(hash)] } != all[index][Self.counter(hash)]
  }
}

/// What was known of writes when a load began.
struct LoadStamps<Key: Hashable & Sendable>: Sendable {
  /// Of the keys that were asked for.
  var keys: [Key: UInt32] = [:]
  /// Of all others; empty where the load brings none.
  var others: [[UInt32]] = []
}
