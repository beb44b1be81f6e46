extension LocalCache {
  /// The value of a key; if there is none, what the closure loads, which is then stored.
  ///
  /// However many tasks ask for a key at the same time, it is loaded once; all get its value or its error. A task that is cancelled while it
  /// waits leaves at once with `CancellationError`, and the load goes on for the others.
  ///
  /// - Throws: what the load throws; `LocalCacheError` for a load that takes too long or asks for its own key; `CancellationError`.
  public func value(for key: Key, load: @escaping @Sendable (Key) async throws -> Value)
    async throws -> Value
  {
    if let (value, age) = getWithAge(key) {
      if let after = configuration.loading.refreshAfter, age >= after { refresh(key, load) }
      return value
    }
    return try await loader.value(for: key, load) { [weak self] value in self?.set(value, for: key)
    }
  }

  /// Loads the value of a key again in the background, unless a load is on its way. The value that is there stays until then.
  public func refresh(_ key: Key, _ load: @escaping @Sendable (Key) async throws -> Value) {
    loader.refresh(key, load) { [weak self] value in
      self?.set(value, for: key)
    } failed: { [weak self] in
      guard let self, let grace = configuration.loading.staleWhileError else { return }
      prolong(key, by: grace)
    }
  }

  /// The values of many keys: those that are there, and the rest from the closure, in batches of bounded size.
  ///
  /// Batches hold `CacheLoading.batchSize` keys in the order in which they were asked for, each key once; `batchParallelism` of them are
  /// loaded at the same time. Keys for which the closure returns nothing are left out. If one batch fails the call fails, after the values of
  /// the batches that were loaded have been stored.
  public func values(
    for keys: some Sequence<Key> & Sendable,
    load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
  ) async throws -> [Key: Value] {
    var found: [Key: Value] = [:]
    var missing: [Key] = []
    var asked: Set<Key> = []
    for key in keys where asked.insert(key).inserted {
      if let value = get(key) { found[key] = value } else { missing.append(key) }
    }
    let loaded = try await configuration.loading.inBatches(missing) { try await self.load($0, load) }
    found.merge(loaded) { _, new in new }
    return found
  }

  private func load(
    _ batch: [Key], _ load: @Sendable ([Key]) async throws -> [Key: Value]
  ) async throws -> [Key: Value] {
    let begin = ContinuousClock.now
    do {
      let values = try await load(batch)
      loader.count(loads: values.count, failed: 0, time: ContinuousClock.now - begin)
      set(values)
      return values
    } catch {
      loader.count(loads: 0, failed: batch.count, time: ContinuousClock.now - begin)
      throw error
    }
  }

  /// Loads keys again and again until the task that runs this is cancelled: the cache's periodic refresh.
  ///
  /// Each round is `values(for:load:)` without looking at what is there. Rounds begin `interval` apart, each moved by up to `jitter` of that
  /// at random, so that many processes do not ask the database at the same moment; after a failed round the pause doubles, up to 16 times.
  public func refreshPeriodically(
    every interval: Duration, jitter: Double = 0.1,
    keys: @escaping @Sendable () async throws -> [Key],
    load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
  ) async {
    var backOff = 1.0
    while !Task.isCancelled {
      let factor = backOff * (1 + Double.random(in: -1...1) * min(max(jitter, 0), 1))
      do { try await time.sleep(for: interval * factor) } catch { return }
      do {
        let size = max(1, configuration.loading.batchSize)
        let wanted = try await keys()
        for start in stride(from: 0, to: wanted.count, by: size) {
          _ = try await self.load(Array(wanted[start..<min(start + size, wanted.count)]), load)
        }
        backOff = 1
      } catch {
        backOff = min(backOff * 2, 16)
      }
    }
  }

  /// The value of a key and the time since it was stored.
  private func getWithAge(_ key: Key) -> (Value, Duration)? {
    guard configuration.loading.refreshAfter != nil else { return get(key).map { ($0, .zero) } }
    let age = age(of: key)
    return get(key).map { ($0, age ?? .zero) }
  }

  /// Time since the value of a key was stored, or nil. Neither a hit nor a use.
  public func age(of key: Key) -> Duration? {
    let hash = hash(key)
    return locked(shard(for: hash)) { shard in
      let id = shard.pointee.find(key, hash: Self.high(hash))
      return id == 0 ? nil : time.duration(ticks: UInt64(shard.pointee.age(id, time)))
    }
  }

  /// Gives an entry a new lifetime from now.
  private func prolong(_ key: Key, by lifetime: Duration) {
    let hash = hash(key)
    let now = time.now
    let ticks = time.ticks(lifetime)
    locked(shard(for: hash)) { shard in
      let id = shard.pointee.find(key, hash: Self.high(hash))
      guard id != 0, expires else { return }
      shard.pointee.expiry.prolongOnce(
        id, now: now, lifetime: ticks, table: shard.pointee.lifetimes, wheel: &shard.pointee.wheel)
    }
  }
}
