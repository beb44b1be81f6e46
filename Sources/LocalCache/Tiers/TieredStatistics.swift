import Synchronization

/// What a tiered cache has done with its remote tier since it was made. Hits and misses of the local tier are in `local.statistics`.
public struct TieredStatistics: Sendable, Hashable {
  /// Look-ups in the remote tier that found a value, or that there is none.
  public var remoteHits: UInt64 = 0
  /// Those of them that found that there is no value.
  public var negativeHits: UInt64 = 0
  /// Look-ups in the remote tier that found nothing of use.
  public var remoteMisses: UInt64 = 0
  /// Those of them that found bytes which are no value: damaged, foreign, or not decodable.
  public var garbage: UInt64 = 0
  /// Those of them that found a value of another version of its coding.
  public var otherVersions: UInt64 = 0

  /// Calls of the closure that loads, each key of a batch counted.
  public var loads: UInt64 = 0
  /// Loads that began before the value ended, so that it does not end for all at once.
  public var earlyRefreshes: UInt64 = 0
  /// Reads that waited for another process to load.
  public var waits: UInt64 = 0
  /// Those of them that loaded by themselves in the end.
  public var waitsInVain: UInt64 = 0

  /// Values stored in the remote tier.
  public var writes: UInt64 = 0
  /// Values that were not stored there, for whatever reason.
  public var failedWrites: UInt64 = 0
  /// Loaded values that were not stored, because the key was changed while they were loaded.
  public var outdatedLoads: UInt64 = 0

  /// Calls of the remote tier without an answer, including those that timed out.
  public var failedCalls: UInt64 = 0
  /// Calls that took longer than `timeLimit`.
  public var timedOutCalls: UInt64 = 0
  /// Calls that the tier refused.
  public var refusedCalls: UInt64 = 0
  /// Calls that were not made, because the tier does not answer at present.
  public var skippedCalls: UInt64 = 0

  /// Keys dropped from the local tier because others changed them.
  public var invalidations: UInt64 = 0
  /// Times the whole local tier was dropped, because messages may have been missed. The first is that of the start.
  public var flushes: UInt64 = 0

  /// Whether the remote tier is being asked at present.
  public var isRemoteUsed = true
  /// Whether messages of changes come at present.
  public var isInvalidated = false
  /// Removals that the remote tier has not been told of yet.
  public var pendingRemovals = 0

  /// Nothing has happened yet.
  public init() {}
}

/// The counters behind it.
final class TieredCounters: Sendable {
  private let values = Mutex(TieredStatistics())

  func count(_ path: WritableKeyPath<TieredStatistics, UInt64>, _ amount: Int = 1) {
    values.withLock { $0[keyPath: path] &+= UInt64(max(0, amount)) }
  }

  func setInvalidated(_ isInvalidated: Bool) { values.withLock { $0.isInvalidated = isInvalidated } }

  var current: TieredStatistics { values.withLock { $0 } }
}
