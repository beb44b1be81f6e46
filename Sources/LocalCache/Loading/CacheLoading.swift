/// How `value(for:load:)` and its relatives load what is not there.
public struct CacheLoading: Sendable {
  /// The longest that a load may take, of one key or of a batch. Beyond that all who wait get `LocalCacheError.loadTimedOut`, and the task that loads is
  /// cancelled. Nil: no limit. Measured by the system's clock, whatever `Configuration.clock` is.
  public var timeout: Duration? = .seconds(60)
  /// For how long the failure of a key's load is remembered, by the cache's clock: until then, whoever asks gets the same error at once. Nil: whoever asks loads
  /// again. Failures of batches are not remembered, since they say nothing about any one key.
  public var failureLifetime: Duration?
  /// A value older than this is still returned, and loaded again in the background at the same time. Nil: never. Where that load fails, the first use after a pause
  /// tries again. The pause is a sixteenth of this time at first, but at most a second, and doubles with each failure, up to this time.
  public var refreshAfter: Duration?
  /// How much longer a value may be used where its refresh fails or takes too long, counted from when the refresh was due: from `refreshAfter`, or without one from
  /// the end of the value's lifetime after writing. Further failures do not prolong this. Nil: the value ends when it would have ended anyway. A value that
  /// nobody asked for between the moment the refresh was due and the value's end is gone at that end: nobody tried to load it again, so nothing failed.
  public var staleWhileError: Duration?
  /// The most keys in one call of a batch loader. Databases limit the length of lists, and an answer of thousands of rows is a peak of memory.
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
