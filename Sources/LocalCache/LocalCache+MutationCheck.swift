/// Fingerprints of stored values, for `Configuration.mutationCheck`.
///
/// A fingerprint is noted before its value is stored, and compared after the value was read, both without the shard's lock: other tasks may have stored and
/// removed many values of the key in between. So the last thousand of a key are kept, and those of keys all of whose values have left for a while, and a value
/// is as it was stored if it fits any of them.
final class Fingerprints<Key: Hashable & Sendable>: Sendable {
  private struct Known {
    /// With the number of the note.
    var fingerprints: [Int: Int] = [:]
    /// Values that were noted and have not left: in the cache, or on their way into it.
    var living = 0
  }
  private struct State {
    var known: [Key: Known] = [:]
    var notes = 0
    /// Keys whose values have all left, the oldest first.
    var left: [Key] = []
  }
  private let state = Guarded(State())
  private static var kept: Int { 1024 }

  func note(_ fingerprint: Int, for key: Key) {
    state.withLock { state in
      state.notes += 1
      state.known[key, default: Known()].living += 1
      state.known[key]?.fingerprints[fingerprint] = state.notes
      guard let all = state.known[key]?.fingerprints, all.count > 2 * Self.kept else { return }
      let oldest = all.values.sorted()[all.count - Self.kept]
      state.known[key]?.fingerprints = all.filter { $0.value >= oldest }
    }
  }

  /// Whether a value of this fingerprint was stored for the key, or nothing is known of the key.
  func fits(_ fingerprint: Int, _ key: Key) -> Bool {
    state.withLock { state in state.known[key].map { $0.fingerprints[fingerprint] != nil } ?? true }
  }

  /// A value of the key has left the cache, or was not taken in.
  func valueLeft(_ key: Key) {
    // Keys end after the lock is free: their end may run code that uses the cache.
    var ended: [Key] = []
    state.withLock { state in
      state.known[key]?.living -= 1
      guard let known = state.known[key], known.living <= 0 else { return }
      state.left.append(key)
      guard state.left.count > 4 * Self.kept else { return }
      let old = state.left.prefix(2 * Self.kept)
      for key in old where (state.known[key]?.living ?? 1) <= 0 {
        if let place = state.known.index(forKey: key) { ended.append(state.known.remove(at: place).key) }
      }
      ended += old
      state.left.removeFirst(old.count)
    }
  }
}

extension LocalCache {
  /// Compares every value of the cache with what it was when it was stored, and reports those that were changed behind the cache's back.
  /// Does nothing without a `mutationCheck`. Returns the keys that were reported.
  @discardableResult
  public func checkForMutations() -> [Key] {
    guard let check = configuration.mutationCheck, let fingerprints else { return [] }
    var changed: [Key] = []
    for index in 0...shardMask {
      var present: [(Key, Value)] = []
      locked(shard(at: index)) { shard in
        shard.pointee.visitEntries { id in
          let record = shard.pointee.table[id].pointee
          present.append((record.key, record.value))
        }
      }
      for (key, value) in present {
        guard !fingerprints.fits(check.fingerprint(value), key) else { continue }
        changed.append(key)
        check.report(key)
      }
    }
    return changed
  }

  /// A hit: reports a value that is not what was stored.
  @usableFromInline @inline(never)
  func checkFingerprint(_ key: Key, _ value: Value) {
    guard let check = configuration.mutationCheck, fingerprints?.fits(check.fingerprint(value), key) == false else {
      return
    }
    check.report(key)
  }

  @usableFromInline
  func noteFingerprint(_ key: Key, _ value: Value) {
    guard let check = configuration.mutationCheck else { return }
    fingerprints?.note(check.fingerprint(value), for: key)
  }

  /// A value whose fingerprint was noted was not taken in.
  @usableFromInline @inline(never)
  func dropFingerprint(_ key: Key) { fingerprints?.valueLeft(key) }
}
