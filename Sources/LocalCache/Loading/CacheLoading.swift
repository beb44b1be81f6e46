/// How `value(for:load:)` and its relatives load what is not there.
public struct CacheLoading: Sendable {
  /// A load, of one key or of a batch, that takes longer fails with `LocalCacheError.loadTimedOut` for all who wait; the task that loads is cancelled. Nil: no
  /// limit. In time of the system, whatever `Configuration.clock` is: how long a load takes no clock of a test can say.
  public var timeout: Duration? = .seconds(60)
  /// For how long the failure of a key's load is remembered, by the cache's clock: until then, whoever asks gets the same error at once. Nil: every ask loads again. Failures of
  /// batches are not remembered: they say nothing about any one key.
  public var failureLifetime: Duration?
  /// A value older than this is returned, and loaded again in the background at the same time. Nil: never. Where that fails, the next use after a pause tries
  /// again: a sixteenth of this time, a second at most, then twice as long each time, until it is this time.
  public var refreshAfter: Duration?
  /// Where a refresh fails, or takes too long, the value that is there goes on being used until this long after the refresh was due: after `refreshAfter`, or
  /// without one after the value's lifetime from writing. However often it fails, not longer. Nil: until the value's own end. A
  /// value that nobody asked for between the moment it was due and its end is gone then: it was never loaded again, so nothing failed.
  public var staleWhileError: Duration?
  /// Keys of one call of a batch loader. A database has limits for lists, and one answer of thousands of rows is a peak of memory.
  public var batchSize = 200
  /// Batches that are loaded at the same time.
  public var batchParallelism = 2

  /// The defaults above.
  public init() {}
}

/// What can go wrong in a cache.
public enum LocalCacheError: Error, Sendable, Hashable, CustomStringConvertible {
  /// A load of this cache, for the key described, took longer than `CacheLoading.timeout`.
  case loadTimedOut(cache: String, key: String, after: Duration)
  /// The loader of a key asked a cache for the same key, or for one whose loader waits for it: they would wait for each other for ever.
  case reentrantLoad(cache: String, key: String)

  public var description: String {
    switch self {
    case .loadTimedOut(let cache, let key, let after):
      "\(cache): loading \(key) took longer than \(after); look at what the loader waits for, or raise loading.timeout"
    case .reentrantLoad(let cache, let key):
      "\(cache): the loader of \(key) asked the cache for \(key) again; call the source in the loader, not the cache"
    }
  }
}
