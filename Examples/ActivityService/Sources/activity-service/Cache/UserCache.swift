import Synchronization

/// The cache that everybody writes: a dictionary by user id behind a lock, with an expiry that only a reader of the same id ever notices.
final class UserCache<Value: Sendable>: Sendable {
  private struct Entry {
    var value: Value
    /// Nanoseconds of the monotonic clock.
    var expiry: UInt64
  }

  private struct State {
    var entries: [Int64: Entry] = [:]
    var hits = 0
    var misses = 0
  }

  private let state = Mutex(State())
  private let lifetime: UInt64

  /// - Parameter lifetime: seconds for which an entry is good.
  init(lifetime: UInt64 = 1800) { self.lifetime = lifetime * 1_000_000_000 }

  func value(of user: Int64, now: UInt64) -> Value? {
    state.withLock { state in
      guard let entry = state.entries[user], entry.expiry > now else {
        state.misses += 1
        return nil
      }
      state.hits += 1
      return entry.value
    }
  }

  func set(_ value: Value, of user: Int64, now: UInt64) {
    state.withLock { $0.entries[user] = Entry(value: value, expiry: now &+ lifetime) }
  }

  var statistics: CacheStatistics {
    state.withLock { CacheStatistics(entries: $0.entries.count, hits: $0.hits, misses: $0.misses) }
  }
}

struct CacheStatistics: Sendable {
  var entries = 0
  var hits = 0
  var misses = 0
}
