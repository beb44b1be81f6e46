extension TieredCache {
  /// The value of a key: from the local tier, the remote one, or from the closure, whose value then goes into both.
  ///
  /// Within the process a key is loaded once however many ask. Between processes a lease lets one load while the others wait for its value, at most
  /// `stampede.longestWait`. Nil from the closure means that there is no value, which is remembered for `negativeLifetime`.
  ///
  /// - Throws: what the closure throws, `LocalCacheError` for a load that takes too long or asks for its own key, `CancellationError`; never
  ///   anything of the remote tier.
  public func value(for key: Key, load: @escaping @Sendable (Key) async throws -> Value?) async throws -> Value? {
    let entry: TieredEntry<Value>
    if let found = local.get(key) {
      entry = found
    } else {
      entry = try await local.loader.value(
        for: key, work(isWanted: true) { [self] _ in [key: try await fetch(key, load)] })
    }
    if isEarly(entry) { refresh(key, isPatient: true, load) }
    return entry.value
  }

  /// The value of a key, if one of the tiers has it. Nil also where it is known that there is none.
  public func get(_ key: Key) async -> Value? {
    if let entry = local.get(key) { return entry.value }
    let stamp = stamps.stamp()
    guard case .found(let entry) = await lookUp(key, stamp) else { return nil }
    keep(entry, key)
    return entry.value
  }

  /// Loads the value of a key again in the background, unless a load is on its way. The value that is there stays until then.
  public func refresh(_ key: Key, load: @escaping @Sendable (Key) async throws -> Value?) {
    refresh(key, isPatient: false, load)
  }

  /// - Parameter isPatient: whether it waits if the refresh of the key has just failed.
  private func refresh(_ key: Key, isPatient: Bool, _ load: @escaping @Sendable (Key) async throws -> Value?) {
    local.loader.refresh([key], isPatient: isPatient, work { [self] _ in [key: try await refetch(key, load)] })
  }

  /// A load whose entries are kept. Whether they are overtaken by a write, their own stamps say.
  ///
  /// - Parameter isWanted: whether only what is not in the local tier is wanted.
  func work(
    isWanted: Bool = false,
    _ load: @escaping @Sendable ([Key]) async throws -> [Key: TieredEntry<Value>]
  ) -> Loader<Key, TieredEntry<Value>>.Work {
    var work = Loader<Key, TieredEntry<Value>>.Work(load: load) { [weak self] entries, _ in
      for (key, entry) in entries { self?.keep(entry, key, isLoaded: true) }
    }
    if isWanted { work.present = { [weak self] in self?.local.present($0) ?? [:] } }
    return work
  }

  private func isEarly(_ entry: TieredEntry<Value>) -> Bool {
    let remaining = entry.deadline.subtractingReportingOverflow(configuration.wallClock()).partialValue
    return EarlyRefresh.isDue(
      remaining: Double(remaining) * 1000, load: Double(entry.loadMicroseconds),
      eagerness: configuration.stampede.eagerness, random: .random(in: 0..<1))
  }

  // MARK: The remote tier

  enum LookUp {
    case found(TieredEntry<Value>)
    case absent
    /// Nothing can be learned from the remote tier, nor should it be written to.
    case unavailable
  }

  func lookUp(_ key: Key, _ stamp: InvalidationStamps.Stamp) async -> LookUp {
    if unbelieved.contains(key) { return .unavailable }
    let name = remoteName(key)
    let outcome = await gate.run { [remote] in try await remote.get([name]) }
    guard case .answered(let contents) = outcome else { return .unavailable }
    guard let bytes = contents.first ?? nil else {
      counters.count(\.remoteMisses)
      return .absent
    }
    return openCounting(bytes, stamp).map { .found($0) } ?? .absent
  }

  /// The entry that these bytes are, or nil for what is none. Counts the hit or the miss.
  func openCounting(_ bytes: [UInt8], _ stamp: InvalidationStamps.Stamp) -> TieredEntry<Value>? {
    let entry = open(bytes, stamp) { counters.count($0) }
    if let entry {
      counters.count(\.remoteHits)
      if entry.value == nil { counters.count(\.negativeHits) }
    } else {
      counters.count(\.remoteMisses)
    }
    return entry
  }

  /// The same for bytes of which it has been counted already that they were no value a moment ago.
  func open(
    _ bytes: [UInt8]?, _ stamp: InvalidationStamps.Stamp,
    because reason: (WritableKeyPath<TieredStatistics, UInt64>) -> Void = { _ in }
  ) -> TieredEntry<Value>? {
    guard let bytes else { return nil }
    switch RemoteEnvelope.read(bytes, version: configuration.values.version) {
    case .garbage: reason(\.garbage)
    case .otherVersion: reason(\.otherVersions)
    case .value(let envelope):
      let now = configuration.wallClock()
      guard envelope.deadline > now else { return nil }
      var value: Value?
      if let payload = envelope.payload {
        value = try? configuration.values.decode(payload)
        guard value != nil else {
          reason(\.garbage)
          return nil
        }
      }
      // Who wrote it may have a clock that is hours ahead.
      let longest = value == nil ? configuration.negativeLifetime : configuration.lifetime
      let (bound, overflow) = now.addingReportingOverflow(longest.wholeMilliseconds)
      return TieredEntry(
        value: value, deadline: min(envelope.deadline, overflow ? .max : bound),
        loadMicroseconds: envelope.loadMicroseconds, stamp: stamp)
    }
    return nil
  }

  /// Takes an entry into the local tier, unless its key was changed since it was read.
  ///
  /// - Parameter isLoaded: whether the local tier's loader brings it.
  func keep(_ entry: TieredEntry<Value>, _ key: Key, isLoaded: Bool = false) {
    if entry.value == nil, configuration.negativeLifetime <= .zero { return }
    // What is newer is not to be replaced, not even for a moment.
    guard stamps.isSurelyUnchanged(key.hashValue, since: entry.stamp) else { return }
    local.store(entry, for: key, lifetime: nil, pinned: nil, stamp: nil, isLoaded: isLoaded)
    // After storing too, because a change between the look before and the storing would be lost.
    if !stamps.isSurelyUnchanged(key.hashValue, since: entry.stamp) { local.remove(key) }
  }
}
