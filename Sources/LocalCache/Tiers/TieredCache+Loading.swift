extension TieredCache {
  /// What is not in the local tier: from the remote one, else loaded.
  func fetch(_ key: Key, _ load: @Sendable (Key) async throws -> Value?) async throws -> TieredEntry<Value> {
    let stamp = stamps.stamp()
    switch await lookUp(key, stamp) {
    case .found(let entry): return entry
    case .unavailable: return try await loadAlone(key, load, stamp)
    case .absent: break
    }
    let token = Self.newToken()
    let longestWait = configuration.stampede.longestWait.reckonable
    // Known once it waits: what the tier took to answer before is no waiting for another process.
    var deadline: ContinuousClock.Instant?
    var pause = Duration.milliseconds(5)
    while true {
      switch await takeLease(key, token) {
      case .answered(.taken(let contents)):
        // Between the look before and the lease another process may have stored it.
        if let entry = open(contents, stamp) {
          releaseLease(key, token)
          return entry
        }
        return try await loadUnderLease(key, load, stamp, token)
      case .refused: return try await loadAlone(key, load, stamp)
      case .unavailable:
        // The answer may be lost and the lease taken: others are not to wait for its end.
        releaseLease(key, token)
        return try await loadAlone(key, load, stamp)
      case .answered(.held): break
      }
      if let deadline {
        guard ContinuousClock.now < deadline else { break }
      } else {
        guard longestWait > .zero else { break }
        counters.count(\.waits)
        deadline = .now + longestWait
      }
      try await Task.sleep(for: pause * Double.random(in: 0.75...1.25))
      pause = min(pause * 2, .milliseconds(100))
      switch await lookUp(key, stamp) {
      case .found(let entry): return entry
      case .unavailable: return try await loadAlone(key, load, stamp)
      case .absent: break
      }
    }
    if deadline != nil { counters.count(\.waitsInVain) }
    return try await loadAlone(key, load, stamp)
  }

  /// A refresh: what another process has refreshed meanwhile, else loaded, unless another does that now.
  func refetch(_ key: Key, _ load: @Sendable (Key) async throws -> Value?) async throws -> TieredEntry<Value> {
    let stamp = stamps.stamp()
    let old = local.present([key])[key]
    let present = await lookUp(key, stamp)
    if case .found(let entry) = present, entry.deadline > old?.deadline ?? .max { return entry }
    if case .unavailable = present { return try await loadAlone(key, load, stamp) }
    let token = Self.newToken()
    switch (await takeLease(key, token), present) {
    case (.answered(.taken(let contents)), _):
      if let entry = open(contents, stamp), entry.deadline > old?.deadline ?? .max {
        releaseLease(key, token)
        return entry
      }
      counters.count(\.earlyRefreshes)
      return try await loadUnderLease(key, load, stamp, token)
    case (.answered(.held), .found(let entry)): return entry
    case (.unavailable, _):
      releaseLease(key, token)
      return try await loadAlone(key, load, stamp)
    default: return try await loadAlone(key, load, stamp)
    }
  }

  /// A load that the remote tier does not hear of: it cannot be asked, or another process is to tell it.
  private func loadAlone(
    _ key: Key, _ load: @Sendable (Key) async throws -> Value?, _ stamp: InvalidationStamps.Stamp
  ) async throws -> TieredEntry<Value> {
    counters.count(\.loads)
    let begin = ContinuousClock.now
    return entry(try await load(key), stamp, loadTime: ContinuousClock.now - begin)
  }

  private func loadUnderLease(
    _ key: Key, _ load: @Sendable (Key) async throws -> Value?, _ stamp: InvalidationStamps.Stamp, _ token: String
  ) async throws -> TieredEntry<Value> {
    do {
      let entry = try await loadAlone(key, load, stamp)
      fill(entry, key, token)
      return entry
    } catch {
      releaseLease(key, token)
      throw error
    }
  }

  private func takeLease(_ key: Key, _ token: String) async -> TierGate.Outcome<RemoteLease> {
    let (name, lifetime) = (remoteName(key), configuration.stampede.leaseLifetime)
    return await gate.run { [remote] in try await remote.takeLease(of: name, token: token, lifetime: lifetime) }
  }

  /// In the background: who waits for the value is not to wait for the tier.
  private func releaseLease(_ key: Key, _ token: String) {
    let name = remoteName(key)
    inBackground { [self] in
      _ = await gate.run { [remote] in try await remote.releaseLease(of: name, token: token) }
    } orElse: {
      // The lease ends by itself.
    }
  }

  /// Stores what was loaded, in the background, unless the key was changed since.
  private func fill(_ entry: TieredEntry<Value>, _ key: Key, _ token: String) {
    guard entry.value != nil || configuration.negativeLifetime > .zero else { return releaseLease(key, token) }
    guard let bytes = envelope(entry)?.bytes else {
      counters.count(\.failedWrites)
      return releaseLease(key, token)
    }
    let left = entry.deadline.subtractingReportingOverflow(configuration.wallClock()).partialValue
    let remoteEntry = RemoteEntry(name: remoteName(key), bytes: bytes, lifetime: .milliseconds(max(1, left)))
    // Others are not to wait for a value that will not come.
    let release: @Sendable () async -> Void = { [self] in
      _ = await gate.run { [remote] in try await remote.releaseLease(of: remoteEntry.name, token: token) }
    }
    inBackground { [self] in
      await order.run(key) { [self] in
        // Changes that were missed, or come yet, have ended the lease; those that the remote tier has not heard of are known here.
        guard stamps.isUnchanged(key.hashValue, since: entry.stamp), !unbelieved.contains(key) else {
          counters.count(\.outdatedLoads)
          return await release()
        }
        switch await gate.run({ [remote] in try await remote.fill(remoteEntry, token: token) }) {
        case .answered(true): counters.count(\.writes)
        case .answered(false): counters.count(\.outdatedLoads)
        case .refused, .unavailable:
          counters.count(\.failedWrites)
          await release()
        }
      }
    } orElse: { [counters] in
      counters.count(\.failedWrites)
    }
  }

  // MARK: Entries

  func entry(_ value: Value?, _ stamp: InvalidationStamps.Stamp, loadTime: Duration, lifetime: Duration? = nil)
    -> TieredEntry<Value>
  {
    let lifetime = lifetime ?? (value == nil ? configuration.negativeLifetime : configuration.lifetime)
    let (deadline, overflow) = configuration.wallClock().addingReportingOverflow(lifetime.wholeMilliseconds)
    return TieredEntry(
      value: value, deadline: overflow ? .max : deadline,
      loadMicroseconds: UInt32(clamping: loadTime.nanoseconds / 1000), stamp: stamp)
  }

  /// Nil where the value cannot be encoded.
  func envelope(_ entry: TieredEntry<Value>) -> RemoteEnvelope? {
    var payload: [UInt8]?
    if let value = entry.value {
      guard let bytes = try? configuration.values.encode(value) else { return nil }
      payload = bytes
    }
    return RemoteEnvelope(
      version: configuration.values.version, deadline: entry.deadline, loadMicroseconds: entry.loadMicroseconds,
      payload: payload)
  }

  private static func newToken() -> String {
    String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
  }

  /// Does something later, if not too much waits to be done already.
  func inBackground(_ action: @escaping @Sendable () async -> Void, orElse: () -> Void) {
    guard pendingWrites.add(1, ordering: .relaxed).oldValue < configuration.maximumPendingWrites else {
      pendingWrites.subtract(1, ordering: .relaxed)
      return orElse()
    }
    Task.detached { [self] in
      await action()
      pendingWrites.subtract(1, ordering: .relaxed)
    }
  }
}
