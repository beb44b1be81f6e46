extension LocalCache {
  /// Settings of a cache. The defaults suit most: measured bytes, adaptive policy, no expiry, statistics on.
  public struct Configuration: Sendable {
    /// When entries end.
    public var expiry = CacheExpiry()
    /// The lifetime of an entry, asked for once when it is stored; where it returns nil, `expiry` decides. The longest that counts is that of
    /// `set(_:for:lifetime:pinned:)`.
    public var lifetime: (@Sendable (Key, Value) -> Duration?)?
    /// How bytes are counted, with a limit in bytes.
    public var sizing = CacheSizing()
    /// What the cache does about memory that malloc cannot use between the entries, with a limit in bytes.
    public var memory = CacheMemory()
    /// What an entry weighs, with a limit in weight. Negative results count as 0.
    public var weigher: (@Sendable (Key, Value) -> Int)?
    /// Called for each entry that leaves, after the cache's locks are free, by the thread that caused it.
    public var removalListener: (@Sendable (Key, Value, RemovalCause) -> Void)?
    /// How `value(for:load:)` loads.
    public var loading = CacheLoading()
    /// Finds values that are changed behind the cache's back; for debugging.
    public var mutationCheck: MutationCheck?
    /// The clock by which entries age: for lifetimes, refreshes and their pauses, and failures that are remembered. Nil: the system's monotonic clock, in its
    /// cheap form.
    ///
    /// Time limits of loads, and times in the statistics, are measured by the system's clock all the same. While anything can expire, the cache sleeps on this clock in
    /// the background. A clock whose `sleep` moves it forward and returns at once therefore makes entries end at once.
    public var clock: (any Clock<Duration>)?
    /// Number of parts with a lock each, 256 at most, rounded up to a power of two. Nil: as many as the limit and the processors suggest. A part holds eight million
    /// entries at most (8,388,096), so there are more parts than asked for where a limit in entries needs them.
    public var shards: Int?
    /// Whether the verdict and the miss-ratio curve are kept ready; costs less than a twentieth of a look-up.
    public var isObserved = true

    /// The defaults.
    public init() {}
  }

  /// A check for values that change while they are in the cache.
  ///
  /// Values of a cache are read-only: whoever wants to change one copies it first. A class that is not immutable, or unsafe memory, can break
  /// that. With a check set, the cache keeps a fingerprint of every value, and compares it at every hit by `get`, when the entry leaves, and at
  /// `checkForMutations()`. That makes look-ups slow.
  public struct MutationCheck: Sendable {
    /// A number that changes with the value, such as a hash of its parts.
    public var fingerprint: @Sendable (Value) -> Int
    /// Called with the key of a value that is not what was stored.
    public var report: @Sendable (Key) -> Void

    /// A check with a fingerprint of your own.
    public init(
      fingerprint: @escaping @Sendable (Value) -> Int, report: @escaping @Sendable (Key) -> Void
    ) {
      self.fingerprint = fingerprint
      self.report = report
    }
  }
}

extension LocalCache.Configuration {
  /// Whether entries have lifetimes at all.
  var canExpire: Bool {
    expiry.afterWrite != nil || expiry.afterAccess != nil || expiry.perEntry || lifetime != nil
  }

  var entryTimes: EntryTimes {
    guard canExpire else { return .written }
    guard let afterWrite = expiry.afterWrite else { return .both }
    guard expiry.afterAccess != nil else { return .deadline }
    // Values are to be loaded again at an age far below the lifetime, and `sliding` knows ages only to a 16,384th of the lifetime.
    if let age = loading.refreshAfter, age.reckonable < afterWrite.reckonable / 64 { return .both }
    return .sliding
  }
}

/// When entries end.
public struct CacheExpiry: Sendable, Hashable {
  /// Time from the last write. Nil: for ever. Alone it takes less than a byte of each entry.
  public var afterWrite: Duration?
  /// Time from the last read or write. Nil: for ever. The earlier of the two ends counts. Without `afterWrite` it takes four to nine bytes of each entry.
  public var afterAccess: Duration?
  /// Share of the lifetime, 0 to 1, by which each entry may end earlier at random, so that entries stored together do not all end together.
  public var jitter: Double
  /// Whether entries may be given a lifetime when they are stored, in a cache that has none of the others: a lifetime takes four to nine bytes of each entry.
  public var perEntry: Bool

  /// Lifetimes shorter than a millisecond or so count as a millisecond; negative ones and 0 likewise. A use may prolong a life by up to a 128th more
  /// than `afterAccess`.
  public init(
    afterWrite: Duration? = nil, afterAccess: Duration? = nil, jitter: Double = 0, perEntry: Bool = false
  ) {
    self.afterWrite = afterWrite
    self.afterAccess = afterAccess
    self.jitter = jitter
    self.perEntry = perEntry
  }
}
