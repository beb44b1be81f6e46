/// What a `LocalCache` of the process says of itself in memory: docs/local-cache-layout.md.
public struct LocalCacheSummary: Sendable, Hashable, Codable {
  /// What the limit counts.
  public enum Unit: String, Sendable, Hashable, Codable {
    case bytes, entries, weight
  }

  /// What the cache advises of itself.
  public enum Advice: String, Sendable, Hashable, Codable {
    case tooEarly, keep, remove, shrink, enlarge, shareAcrossProcesses, shareValues, lengthenLifetime
    /// A later version's, unknown here.
    case unknown
  }

  public var name: String
  public var unit: Unit
  /// In `unit`.
  public var limit: UInt64
  /// Live, as are hits, misses, insertions, evictions and expired entries.
  public var entries: UInt64
  public var hits: UInt64
  public var misses: UInt64
  public var insertions: UInt64
  /// Entries that made room for others.
  public var evictions: UInt64
  public var expired: UInt64
  /// Hits of all look-ups, 0 to 1; nil without look-ups.
  public var hitRatio: Double?
  /// What the cache brings up to date itself, every 30 s at most; nil where it has not yet.
  public var published: Published?
  /// `0x…` of the block that describes the cache.
  public var address: String

  /// The slow part of the description.
  public struct Published: Sendable, Hashable, Codable {
    /// What the entries count, in the limit's unit.
    public var weight: UInt64
    public var entries: UInt64
    /// To within 1.6 %; 0 where the cache is not observed.
    public var distinctKeys: UInt64
    /// Look-ups of keys that had been asked for before, of all, 0 to 1: no cache of any size hits more. nil where it cannot be told.
    public var repeatRatio: Double?
    public var loads: UInt64
    /// Mean time of a load in nanoseconds, from a miss to the write after it where the program loads; nil where none was timed.
    public var loadNanoseconds: UInt64?
    public var advice: Advice
    /// Hit ratio when the advice was reached.
    public var hitRatio: Double?
    /// From which on the cache pays; nil where no load was timed.
    public var neededHitRatio: Double?
    /// Keeps 97 % of the hits, in the limit's unit; nil where none is known.
    public var smallerSize: UInt64?
    /// At which more memory stops helping, likewise.
    public var largerSize: UInt64?
    /// Hits of the last look-ups when the advice was reached; nil where too few were noted.
    public var recentHitRatio: Double?
    /// Misses that waited for a load that another one had begun; nil in older caches, as are the three after it.
    public var joinedLoads: UInt64?
    /// Loads that failed, or took too long.
    public var failedLoads: UInt64?
    /// Entries that the program removed.
    public var removed: UInt64?
    /// Values that were not taken in: larger than the cache, or than what pinned entries leave.
    public var refused: UInt64?
    /// Nanoseconds of the target's monotonic clock.
    public var time: UInt64
  }

  public var lookups: UInt64 { hits &+ misses }
}
