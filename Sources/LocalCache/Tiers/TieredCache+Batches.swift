extension TieredCache {
  /// The values of many keys: from the local tier, the remote one in bounded calls, and the rest from the closure in batches as in
  /// `LocalCache.values(for:load:)`. Keys for which the closure has nothing are remembered as such, and left out.
  ///
  /// - Throws: what the closure throws. Batches that were loaded before are stored.
  public func values(
    for keys: some Sequence<Key> & Sendable, load: @escaping @Sendable ([Key]) async throws -> [Key: Value]
  ) async throws -> [Key: Value] {
    var found: [Key: Value] = [:]
    var missing: [Key] = []
    local.visitValues(of: keys.distinct()) { key, entry in
      if let entry { found[key] = entry.value } else { missing.append(key) }
    }
    var unknown: [Key] = []
    for batch in missing.batches(of: configuration.batchSize) {
      let known = await lookUp(batch)
      for key in batch {
        if let entry = known[key] { found[key] = entry.value } else { unknown.append(key) }
      }
    }
    let loaded = try await configuration.local.loading.inBatches(unknown) { batch in
      try await self.local.loader.values(
        for: batch, self.work(isWanted: true) { [self] in try await self.load($0, load) })
    }
    for (key, entry) in loaded { found[key] = entry.value }
    return found
  }

  /// Writes of one call that are on their way at the same time: enough to fill a connection, and few enough to leave room for what others ask.
  private static var parallelWrites: Int { 256 }

  /// Stores several values in both tiers, for the configured time. Returns how many the remote tier has; see `set(_:for:lifetime:)`.
  @discardableResult
  public func set(_ values: [Key: Value]) async -> Int {
    await withTaskGroup(of: Bool.self) { group in
      var (running, stored) = (0, 0)
      for (key, value) in values {
        if running >= Self.parallelWrites, await group.next() == true { stored += 1 }
        running += 1
        group.addTask { await self.set(value, for: key) }
      }
      return await group.reduce(stored) { $0 + ($1 ? 1 : 0) }
    }
  }

  private func lookUp(_ keys: [Key]) async -> [Key: TieredEntry<Value>] {
    let stamp = stamps.stamp()
    let asked = keys.filter { !unbelieved.contains($0) }
    let names = asked.map { remoteName($0) }
    guard !names.isEmpty, let contents = await gate.run({ [remote] in try await remote.get(names) }).value else {
      return [:]
    }
    var known: [Key: TieredEntry<Value>] = [:]
    for (key, bytes) in zip(asked, contents) {
      guard let bytes else {
        counters.count(\.remoteMisses)
        continue
      }
      guard let entry = openCounting(bytes, stamp) else { continue }
      known[key] = entry
      keep(entry, key)
    }
    return known
  }

  private func load(
    _ batch: [Key], _ load: @Sendable ([Key]) async throws -> [Key: Value]
  ) async throws -> [Key: TieredEntry<Value>] {
    let stamp = stamps.stamp()
    counters.count(\.loads, batch.count)
    let begin = ContinuousClock.now
    let values = try await load(batch)
    // What one key of a batch costs to load again is an equal share of it, no more.
    let time = (ContinuousClock.now - begin) / max(1, batch.count)
    let entries = batch.map { key in (key, entry(values[key], stamp, loadTime: time)) }
    write(entries)
    return Dictionary(entries) { _, new in new }
  }

  /// Stores the loaded values of a batch, in the background: without leases, so only those that nobody has changed meanwhile. Writes of these keys that come
  /// later wait for it, so that what is older does not overtake what is newer on the way.
  private func write(_ entries: [(Key, TieredEntry<Value>)]) {
    inBackground { [self] in
      await order.run(entries.map(\.0)) { [self] in await send(entries) }
    } orElse: { [counters] in
      counters.count(\.failedWrites, entries.count)
    }
  }

  private func send(_ entries: [(Key, TieredEntry<Value>)]) async {
    let wanted = entries.filter { $0.1.value != nil || configuration.negativeLifetime > .zero }
    let current = wanted.filter { key, entry in
      stamps.isSurelyUnchanged(key.hashValue, since: entry.stamp) && !unbelieved.contains(key)
    }
    counters.count(\.outdatedLoads, wanted.count - current.count)
    let now = configuration.wallClock()
    let contents = current.compactMap { key, entry -> RemoteEntry? in
      guard let bytes = envelope(entry)?.bytes else { return nil }
      let left = entry.deadline.subtractingReportingOverflow(now).partialValue
      return RemoteEntry(name: remoteName(key), bytes: bytes, lifetime: .milliseconds(max(1, left)))
    }
    // What cannot be encoded.
    counters.count(\.failedWrites, current.count - contents.count)
    guard !contents.isEmpty else { return }
    if case .answered = await gate.run({ [remote] in try await remote.set(contents) }) {
      counters.count(\.writes, contents.count)
    } else {
      counters.count(\.failedWrites, contents.count)
    }
  }
}
