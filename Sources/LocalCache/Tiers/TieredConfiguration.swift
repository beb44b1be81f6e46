/// Settings of a tiered cache.
public struct TieredConfiguration<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  /// How keys become names.
  public var keys: RemoteKeyCoding<Key>
  /// How values become bytes.
  public var values: RemoteValueCoding<Value>
  /// The local tier. Its `lifetime` is asked too, and the shorter one counts. Of its `loading`, `refreshAfter` and `staleWhileError` do not apply:
  /// `stampede` says when a value is loaded again. Where that fails the key waits, as with a `refreshAfter` of `lifetime`.
  public var local = LocalCache<Key, TieredEntry<Value>>.Configuration()

  /// How long a value lives, in both tiers, unless `set` says otherwise. What is read from the remote tier stays no longer than this in the local one before it
  /// is read again.
  public var lifetime: Duration = .seconds(600)
  /// How long it is remembered that there is no value. Zero: not at all.
  public var negativeLifetime: Duration = .seconds(30)
  /// The longest time in the local tier: how old a value may be at worst when another process has changed it and the message was lost, or the
  /// tier sends none. Nil: as long as it lives.
  public var localLifetime: Duration?

  /// A call of the remote tier that takes longer is given up. This, times the breaker's failures, is the most that reads lose to a tier that hangs.
  public var timeLimit: Duration = .milliseconds(50)
  /// When the tier is not asked any more.
  public var breaker = BreakerSettings()
  /// What keeps processes from loading the same value at the same time.
  public var stampede = StampedeProtection()
  /// Loaded values on their way to the remote tier; more are not stored there, so that a slow tier does not fill the memory.
  public var maximumPendingWrites = 1024
  /// Names of one call of the remote tier.
  public var batchSize = 200

  /// Milliseconds since 1970; processes that share a tier should agree within a second or two. For tests.
  public var wallClock: @Sendable () -> Int64 = { WallClock.milliseconds() }

  /// The defaults above, with these codings.
  public init(keys: RemoteKeyCoding<Key>, values: RemoteValueCoding<Value>) {
    self.keys = keys
    self.values = values
  }
}

extension TieredConfiguration where Key: LosslessStringConvertible, Value: Codable {
  /// The defaults above: keys by their description, values as JSON.
  public init() { self.init(keys: .description, values: .json()) }
}

/// What keeps many readers from loading the same value at the same time.
public struct StampedeProtection: Sendable, Hashable {
  /// The longest time that one process may keep the others from loading a value: more than a load takes.
  public var leaseLifetime: Duration = .seconds(10)
  /// The longest time that a read waits for another process's load. Zero: it does not wait, and loads by itself.
  public var longestWait: Duration = .seconds(2)
  /// The beta of early refreshing: 1 suits most, more is earlier, 0 is never.
  public var eagerness = 1.0

  /// The defaults above.
  public init() {}
}

/// What a tiered cache keeps locally for a key.
public struct TieredEntry<Value: Sendable>: Sendable {
  /// The value; nil where it is known that there is none.
  public let value: Value?
  /// When it ends, in milliseconds since 1970.
  let deadline: Int64
  /// Time that its load took.
  let loadMicroseconds: UInt32
  /// Taken before it was read.
  let stamp: InvalidationStamps.Stamp
}
