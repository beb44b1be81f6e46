extension LocalCache {
  /// The value of a key; if there is none, what the closure loads, which is then stored.
  ///
  /// However many tasks ask for a key at the same time, alone or among others, it is loaded once; all get its value or its error. A task that is cancelled
  /// while it waits leaves at once with `CancellationError`, and the load goes on for the others. A value that is set, or removed, while the key is being
  /// loaded is newer than what the load brings: those who wait get the latter, but it is not stored.
  ///
  /// The closure runs in a task of its own, since it belongs to nobody who waits: task-local values, such as the context of a trace, are not those of who
  /// asks. What it needs of them it has to capture.
  ///
  /// - Throws: what the load throws; `LocalCacheError` for a load that takes too long or would wait for itself; `CancellationError`.
  @inlinable
  public func value(for key: Key, load: @escaping @Sendable (Key) async throws -> Value)
    async throws -> Value
  {
    if let value = get(key) {
      refreshIfStale(key, load)
      return value
    }
    return try await loaded(key, load)
  }

  @usableFromInline
  func refreshIfStale(_ key: Key, _ load: @escaping @Sendable (Key) async throws -> Value) {
    if isStale(key) {
      loader.refresh([key], isPatient: true, refreshing([key]) { _ in [key: try await load(key)] })
    }
  }

  @usableFromInline
  func loaded(_ key: Key, _ load: @escaping @Sendable (Key) async throws -> Value) async throws -> Value {
    try await loader.value(for: key, work(isWanted: true) { _ in [key: try await load(key)] })
  }

  /// Loads the value of a key again in the background, unless a load is on its way. The value that is there stays until then.
  public func refresh(_ key: Key, load: @escaping @Sendable (Key) async throws -> Value) {
    loader.refresh([key], refreshing([key]) { _ in [key: try await load(key)] })
  }

  /// The values of many keys: those that are there, and the rest from the closure, in batches of bounded size.
  ///
  /// Batches hold `CacheLoading.batchSize` keys in the order in which they were asked for, each key once; `batchParallelism` of them are
  /// loaded at the same time. A key that is being loaded already is not loaded again. Keys for which the closure returns nothing are left out. If one batch
  /// fails the call fails, after the values of the batches that were loaded have been stored. Values older than `CacheLoading.refreshAfter` are returned, and
  /// loaded again in the background, in batches too.
  ///
  /// - Throws: what the closure throws; `LocalCacheError` for a batch that takes longer than `CacheLoading.timeout`, or would wait for itself;
  ///   `CancellationError`.
  public func values(
    for keys: some Sequence<Key> & Sendable,
    load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
  ) async throws -> [Key: Value] {
    var found: [Key: Value] = [:]
    var (missing, stale): ([Key], [Key]) = ([], [])
    visitValues(of: keys.distinct()) { key, value in
      if let value {
        found[key] = value
        if isStale(key) { stale.append(key) }
      } else {
        missing.append(key)
      }
    }
    if !stale.isEmpty { refreshStale(stale, load) }
    let loaded = try await configuration.loading.inBatches(missing) {
      try await self.loader.values(for: $0, self.work(isWanted: true, bringsOthers: true, load))
    }
    found.merge(loaded) { _, new in new }
    return found
  }

  /// Loads in the background, batch by batch, what is still stale when its turn comes.
  private func refreshStale(_ keys: [Key], _ load: @escaping @Sendable ([Key]) async throws -> [Key: Value]) {
    let batches = keys.batches(of: configuration.loading.batchSize)
    Task.detached { [weak self] in
      for batch in batches {
        guard let self else { return }
        let stale = batch.filter(isStale)
        await loader.refreshAndWait(stale, isPatient: true, refreshing(stale, bringsOthers: true, load))
      }
    }
  }

  /// A load whose values are stored. The load does not keep the cache.
  ///
  /// - Parameters:
  ///   - isWanted: whether only what is not there is wanted: another load may have brought it since it was looked for.
  ///   - bringsOthers: whether it may bring values of keys that nobody asked for.
  private func work(
    isWanted: Bool = false, bringsOthers: Bool = false, _ load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
  ) -> Loader<Key, Value>.Work {
    var work = Loader<Key, Value>.Work(load: load) { [weak self] values, stamps in self?.store(values, stamps) }
    watchWrites(&work, bringsOthers: bringsOthers)
    if isWanted { work.present = { [weak self] in self?.present($0) ?? [:] } }
    return work
  }

  /// The same for values that are there already, which stay in use for a while if the load fails.
  private func refreshing(
    _ keys: [Key], bringsOthers: Bool = false, _ load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
  ) -> Loader<Key, Value>.Work {
    var work = work(bringsOthers: bringsOthers, load)
    work.failed = { [weak self] in
      guard let self, let grace = configuration.loading.staleWhileError else { return }
      for key in keys { prolong(key, by: grace) }
    }
    return work
  }

  private func watchWrites(_ work: inout Loader<Key, Value>.Work, bringsOthers: Bool) {
    work.stamps = { [weak self] keys in
      guard let self else { return LoadStamps() }
      var stamps = LoadStamps<Key>()
      for key in keys where stamps.keys[key] == nil { stamps.keys[key] = loader.watch.begin(hash(key)) }
      if bringsOthers { stamps.others = loader.watch.allWrites() }
      return stamps
    }
    work.ended = { [weak self] stamps in
      guard let self else { return }
      for key in stamps.keys.keys { loader.watch.end(hash(key)) }
    }
  }

  /// Those of the keys that have a value. Neither hits nor uses.
  func present(_ keys: [Key]) -> [Key: Value] {
    var found: [Key: Value] = [:]
    let now = expires ? time.now : 0
    for key in keys {
      let hash = hash(key)
      found[key] = reading(shard(for: hash)) { shard in
        let id = shard.pointee.find(key, hash: Self.high(hash))
        return id == 0 || shard.pointee.isOver(id, now: now) ? nil : WholeValue.load(shard.pointee.table.value(id))
      }
    }
    return found
  }

  private func store(_ values: [Key: Value], _ stamps: LoadStamps<Key>) {
    for (key, value) in values {
      if let stamp = stamps.keys[key] {
        store(value, for: key, lifetime: nil, pinned: nil, stamp: stamp, isLoaded: true)
      } else {
        storeUnasked(value, key, stamps)
      }
    }
  }

  /// Stores a value that a loader brought along, unless its key may have been written since the load began.
  private func storeUnasked(_ value: Value, _ key: Key, _ stamps: LoadStamps<Key>) {
    let hash = hash(key)
    // First, so that a write after the comparison is noticed too.
    let stamp = loader.watch.begin(hash)
    defer { loader.watch.end(hash) }
    guard !loader.watch.mayBeWritten(hash, since: stamps.others) else { return }
    store(value, for: key, lifetime: nil, pinned: nil, stamp: stamp, isLoaded: true)
  }

  /// Loads keys again and again until the task that runs this is cancelled: the cache's periodic refresh.
  ///
  /// Each round is `values(for:load:)` without looking at what is there, one batch after the other. Between rounds lies `interval`, longer or shorter by up
  /// to `jitter` of it at random, so that many processes do not ask the database at the same moment; after a failed round the pause doubles, up to 16 times.
  public func refreshPeriodically(
    every interval: Duration, jitter: Double = 0.1,
    keys: @escaping @Sendable () async throws -> [Key],
    load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
  ) async {
    let interval = min(max(interval, .milliseconds(1)), .seconds(365 * 86_400))
    let jitter = jitter > 0 ? min(jitter, 1) : 0
    var backOff = 1.0
    while !Task.isCancelled {
      let factor = backOff * (1 + Double.random(in: -1...1) * jitter)
      do { try await time.sleep(for: max(interval * factor, .milliseconds(1))) } catch { return }
      do {
        for batch in try await keys().batches(of: configuration.loading.batchSize) {
          _ = try await loader.values(for: batch, work(bringsOthers: true, load))
        }
        backOff = 1
      } catch {
        backOff = min(backOff * 2, 16)
      }
    }
  }

  /// Whether a value that was found is to be loaded again.
  private func isStale(_ key: Key) -> Bool {
    guard let after = configuration.loading.refreshAfter, let age = age(of: key) else { return false }
    return age >= after
  }

  /// Time since the value of a key was stored, or nil. Neither a hit nor a use. Ages beyond 13 days, and beyond the longest of the lifetimes and `refreshAfter`,
  /// may be told as less, but not as less than these.
  public func age(of key: Key) -> Duration? {
    let hash = hash(key)
    return reading(shard(for: hash)) { shard in
      let id = shard.pointee.find(key, hash: Self.high(hash))
      guard id != 0, !expires || !shard.pointee.isOver(id, time) else { return nil }
      return time.duration(ticks: UInt64(shard.pointee.age(id, time)))
    }
  }

  /// Lets an entry whose refresh failed live on. The end follows from when it was written, so that one failure after the other does not move it.
  private func prolong(_ key: Key, by grace: Duration) {
    guard expires else { return }
    let hash = hash(key)
    let due = configuration.loading.refreshAfter ?? configuration.expiry.afterWrite ?? .zero
    let age = UInt64(time.ticks(due)) + UInt64(time.ticks(grace))
    locked(shard(for: hash)) { shard in
      let id = shard.pointee.find(key, hash: Self.high(hash))
      guard id != 0 else { return }
      shard.pointee.expiry.prolong(id, age: age, table: shard.pointee.lifetimes)
    }
  }
}
