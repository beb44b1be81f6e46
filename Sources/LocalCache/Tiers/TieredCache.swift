import Synchronization

/// A local cache in front of a store that processes share, such as Redis.
///
/// ```swift
/// let redis = RedisTier(RedisConfiguration(host: "cache.internal"))
/// let profiles = TieredCache<Int, Profile>(name: "profiles", limit: .bytes(.mebibytes(64)), remote: redis)
///
/// let profile = try await profiles.value(for: id) { id in
///   try await database.profile(id)  // nil where there is none, which is remembered too
/// }
/// ```
///
/// A read looks into the local tier, then into the remote one, then loads; what is loaded goes into both. A remote tier that is slow, full, gone or
/// answers nonsense never fails a read and, beyond a few calls of `timeLimit`, never slows one.
public final class TieredCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  /// The name of both tiers.
  public let name: String
  /// The local tier: its statistics, its verdict. To change what it holds, use the tiered cache.
  public let local: LocalCache<Key, TieredEntry<Value>>

  let configuration: TieredConfiguration<Key, Value>
  let remote: any RemoteTier
  let prefix: String
  let gate: TierGate
  let counters = TieredCounters()
  let stamps = InvalidationStamps()
  let order = WriteOrder<Key>()
  let pendingWrites = Atomic<Int>(0)
  let unbelieved = Unbelieved<Key>()
  let removing = Sweeper()
  private let subscription = Guarded<RemoteSubscription?>(nil)

  /// A cache with this local limit in front of a remote tier.
  public init(
    name: String, limit: CacheLimit, remote: any RemoteTier, configuration: TieredConfiguration<Key, Value>
  ) {
    self.name = name
    self.remote = remote
    self.configuration = configuration
    let prefix = Self.prefix(name)
    self.prefix = prefix
    var local = configuration.local
    let (given, longest, clock) = (local.lifetime, configuration.localLifetime, configuration.wallClock)
    local.lifetime = { key, entry in
      let left = Duration.milliseconds(max(0, entry.deadline.subtractingReportingOverflow(clock()).partialValue))
      return [left, longest, given?(key, entry)].compactMap { $0 }.min()
    }
    self.local = LocalCache(name: name, limit: limit, configuration: local)
    gate = TierGate(limit: configuration.timeLimit, breaker: configuration.breaker, counters: counters) {
      _ = try await remote.get([prefix + "probe"])
    }
    gate.onRecovery { [weak self] in Task.detached { await self?.tellRemovals() } }
    let started = remote.subscribe(prefix: prefix) { [weak self] in self?.changed($0) }
    subscription.withLock { $0 = started }
  }

  deinit {
    removing.stop()
    subscription.withLock { $0?.cancel() }
  }

  /// What has happened between the tiers.
  public var statistics: TieredStatistics {
    var result = counters.current
    result.isRemoteUsed = !gate.breaker.isOpen
    result.pendingRemovals = unbelieved.removalCount
    return result
  }

  // MARK: Names

  /// Names of a cache begin with its own name and a colon. Colons in the name are written otherwise, so that no prefix begins with another.
  static func prefix(_ name: String) -> String {
    var prefix = ""
    // By scalars: with a combining mark behind it a colon is another character, but the same bytes.
    for scalar in name.unicodeScalars {
      switch scalar {
      case "%": prefix += "%25"
      case ":": prefix += "%3A"
      // Leases have names that begin with it.
      case "~": prefix += "%7E"
      default: prefix.unicodeScalars.append(scalar)
      }
    }
    return prefix + ":"
  }

  func remoteName(_ key: Key) -> String { prefix + configuration.keys.encode(key) }

  // MARK: Messages of changes

  private func changed(_ change: RemoteChange) {
    switch change {
    case .changed(let names):
      // By bytes: a key may begin with what makes one character of itself and the colon before it.
      for name in names where name.utf8.starts(with: prefix.utf8) {
        let rest = String(decoding: name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
        guard let key = configuration.keys.decode(rest) else { continue }
        counters.count(\.invalidations)
        // The stamp first: whoever stores what it read before either sees the stamp or has its entry removed.
        stamps.changed(key.hashValue)
        local.remove(key)
      }
    case .began:
      counters.setInvalidated(true)
      counters.count(\.flushes)
      stamps.mayHaveMissed()
      local.removeAll()
    case .ended:
      counters.setInvalidated(false)
    }
  }
}

extension TieredCache where Key: LosslessStringConvertible, Value: Codable {
  /// A cache with the default settings: names by the keys' description, values as JSON.
  public convenience init(name: String, limit: CacheLimit, remote: any RemoteTier) {
    self.init(name: name, limit: limit, remote: remote, configuration: TieredConfiguration())
  }
}
