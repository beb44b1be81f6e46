/// Fingerprints of stored values, for `Configuration.mutationCheck`.
final class Fingerprints<Key: Hashable & Sendable>: Sendable {
  private let known = Guarded<[Key: Int]>([:])
  func set(_ fingerprint: Int, for key: Key) { known.withLock { $0[key] = fingerprint } }
  func fingerprint(of key: Key) -> Int? { known.withLock { $0[key] } }
  func forget(_ key: Key) { known.withLock { $0[key] = nil } }
}

extension LocalCache {
  /// Compares every value of the cache with what it was when it was stored, and reports those that were changed behind the cache's back.
  /// Does nothing without a `mutationCheck`. Returns the keys that were reported.
  @discardableResult
  public func checkForMutations() -> [Key] {
    guard let check = configuration.mutationCheck else { return [] }
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
        guard let stored = fingerprints.fingerprint(of: key), stored != check.fingerprint(value)
        else { continue }
        changed.append(key)
        check.report(key)
      }
    }
    return changed
  }

  /// A hit: reports a value that is not what was stored.
  @usableFromInline @inline(never)
  func checkFingerprint(_ key: Key, _ value: Value) {
    guard let check = configuration.mutationCheck, let stored = fingerprints.fingerprint(of: key),
      stored != check.fingerprint(value)
    else { return }
    check.report(key)
  }

  @usableFromInline
  func noteFingerprint(_ key: Key, _ value: Value) {
    guard let check = configuration.mutationCheck else { return }
    fingerprints.set(check.fingerprint(value), for: key)
  }
}
