/// A cache in the memory of a service: bounded by what its entries really take, and able to say whether it is worth it.
///
/// ```swift
/// let profiles = LocalCache<Int, Profile>(name: "profiles", limit: .bytes(.mebibytes(64)))
///
/// let profile = try await profiles.value(for: id) { id in
///   try await database.profile(id)
/// }
/// print(profiles.verdict)
/// ```
///
/// Nothing expires unless `Configuration.expiry` says so, and an entry may be evicted at any moment. Values are read-only: copy one before you change it.
///
/// All members may be used from any thread or task. The cache consists of parts (shards) with a lock each, which is held for a moment; no look-up or write waits
/// for an actor or for another task.
///
/// Keys are hashed like those of `Dictionary`, by `Hasher` with a random seed for each cache; integers by AES under random keys of each cache, where
/// the processor has it. `==` and `hash(into:)` of keys, and the closures of `withValue` and `removeAll(where:)`, must not use the cache that calls them;
/// destructors of values and removal listeners may.
public final class LocalCache<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
  /// The name by which people, metrics and memwhy know the cache.
  public let name: String

  @usableFromInline let shards: UnsafeMutableRawPointer
  @usableFromInline let shardStride: Int
  @usableFromInline let shardMask: Int
  @usableFromInline let cells: ReaderCells
  @usableFromInline let keyHash = KeyHash()
  /// Whether look-ups need neither a clock nor, for integers, a call for the hash.
  @usableFromInline let isQuick: Bool
  @usableFromInline let time: CacheTime
  @usableFromInline let expires: Bool
  @usableFromInline let entryTimes: EntryTimes
  @usableFromInline let sizer: EntrySizer<Key, Value>
  @usableFromInline let listener: (@Sendable (Key, Value, RemovalCause) -> Void)?
  @usableFromInline let lifetime: (@Sendable (Key, Value) -> Duration?)?
  @usableFromInline let observer: AccessObserver
  let configuration: Configuration
  let bound: SharedBound
  @usableFromInline let loader: Loader<Key, Value>
  /// Removes what has expired; nil where nothing can expire.
  let sweeper: Sweeper?
  /// Looks after holes between the blocks of the entries; nil where entries have no blocks.
  let memory: MemoryTending?
  let block: CacheBlock
  /// What values looked like when they were stored; nil without a mutation check.
  let fingerprints: Fingerprints<Key>?
  /// How many values are copies of others; nil where that cannot be told.
  let equalValues: EqualValues<Value>?
  @usableFromInline let checksMutations: Bool
  let publishing = RateLimit(seconds: 10, first: 1)
  /// Not in the first second: of a cache that is being filled there is nothing to say yet, and a verdict would take memory and processor time from whoever fills it.
  package let judging = RateLimit(seconds: 30, first: 1, isDueAtOnce: false)

  /// A cache of this name and limit.
  public init(name: String, limit: CacheLimit, configuration: Configuration = Configuration()) {
    self.name = name
    self.configuration = configuration
    checksMutations = configuration.mutationCheck != nil
    fingerprints = checksMutations ? Fingerprints() : nil
    listener = Self.listener(configuration, fingerprints)
    lifetime = configuration.lifetime
    let expiry = configuration.expiry
    expires = configuration.canExpire
    entryTimes = configuration.entryTimes
    isQuick = !expires && keyHash.hasCipher
    time = CacheTime(
      clock: configuration.clock,
      longestLifetime: max(
        expiry.afterWrite ?? .zero, expiry.afterAccess ?? .zero, configuration.loading.refreshAfter ?? .zero))
    sizer = EntrySizer(limit: limit, configuration: configuration)
    bound = SharedBound(limit: limit)
    sweeper = expires ? Sweeper() : nil
    memory = sizer.estimator?.isTrivial == false ? MemoryTending() : nil
    block = CacheBlock(name: name)
    loader = Loader(cache: name, settings: configuration.loading, time: time)
    let size = SizeClass(entries: SharedBound.expectedEntries(limit))
    cells = ReaderCells(size)
    observer = AccessObserver(isOn: configuration.isObserved, size, cells: cells)
    equalValues = configuration.isObserved ? EqualValues() : nil
    let count = SharedBound.shardCount(limit, wanted: configuration.shards)
    shardMask = count - 1
    shardStride = (MemoryLayout<Shard<Key, Value>>.stride + 127) & ~127
    shards = .allocate(byteCount: shardStride * count, alignment: 128)
    let template = ShardExpiry(
      times: entryTimes, afterWrite: expiry.afterWrite.map(time.ticks) ?? 0,
      afterAccess: expiry.afterAccess.map(time.ticks) ?? 0, jitter: expiry.jitter, seed: 0)
    let isTrivial = _isPOD(Key.self) && _isPOD(Value.self)
    for index in 0..<count {
      var policy = EvictionPolicy.Configuration()
      policy.isAdaptive = true
      let shard = (shards + index * shardStride).bindMemory(to: Shard<Key, Value>.self, capacity: 1)
      shard.initialize(
        to: Shard(
          lock: ShardLock(cells: cells, tag: Self.tag(shard), opens: !checksMutations),
          maximum: bound.initialShare(of: index, count), policy: policy, expiry: template.seeded(),
          reportsRemovals: !isTrivial || listener != nil))
    }
    describeShards(in: block)
    observer.owner = self
    setSampling()
    startTendingMemory()
  }

  /// A cache of this name and limit, with settings that a closure changes:
  ///
  /// ```swift
  /// let users = LocalCache<Int, User>(name: "users", limit: .bytes(.mebibytes(32))) { $0.expiry.afterWrite = .seconds(1800) }
  /// ```
  public convenience init<Failure: Error>(
    name: String, limit: CacheLimit, configure: (inout Configuration) throws(Failure) -> Void
  ) throws(Failure) {
    var configuration = Configuration()
    try configure(&configuration)
    self.init(name: name, limit: limit, configuration: configuration)
  }

  /// The configured listener; with a mutation check also the end of a fingerprint's life, and a last look at the value.
  private static func listener(
    _ configuration: Configuration, _ fingerprints: Fingerprints<Key>?
  ) -> (@Sendable (Key, Value, RemovalCause) -> Void)? {
    guard let check = configuration.mutationCheck, let fingerprints else { return configuration.removalListener }
    return { key, value, cause in
      if cause != .replaced, !fingerprints.fits(check.fingerprint(value), key) { check.report(key) }
      fingerprints.valueLeft(key)
      configuration.removalListener?(key, value, cause)
    }
  }

  deinit {
    // First, so that readers outside the process find no description of what is gone.
    block.retire()
    sweeper?.stop()
    memory?.task.stop()
    for index in 0...shardMask {
      shard(at: index).pointee.deallocate()
      shard(at: index).deinitialize(count: 1)
    }
    shards.deallocate()
    cells.deallocate()
    keyHash.deallocate()
  }

  // MARK: Finding the shard

  @inlinable @inline(__always)
  func shard(at index: Int) -> UnsafeMutablePointer<Shard<Key, Value>> {
    (shards + index &* shardStride).assumingMemoryBound(to: Shard<Key, Value>.self)
  }

  /// The low half chooses the shard and the observed keys, the
  /// high half the place in the shard.
  @inlinable @inline(__always)
  func hash(_ key: Key) -> UInt64 { keyHash(key) }

  @inlinable @inline(__always)
  func shard(for hash: UInt64) -> UnsafeMutablePointer<Shard<Key, Value>> {
    shard(at: Int(truncatingIfNeeded: hash) & shardMask)
  }

  /// What marks the cell of a thread that reads a shard.
  @inlinable @inline(__always)
  static func tag(_ shard: UnsafeMutablePointer<Shard<Key, Value>>) -> UInt { UInt(bitPattern: shard) }

  @inlinable @inline(__always)
  static func high(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash &>> 32) }
}
