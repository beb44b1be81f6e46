extension LocalCache {
  /// Stores a value for a key, in place of an earlier one.
  ///
  /// - Parameters:
  ///   - lifetime: how long this entry lives, in place of the configured time; not prolonged by use.
  ///   - pinned: true keeps the entry from being evicted (it still counts, and still expires), false lets it go again, nil changes nothing.
  /// - Returns: false if the entry was refused: it is larger than the whole cache, or pinned entries leave no room. An earlier value of the
  ///   key is removed even then, since it is out of date.
  ///
  /// Constant time on average, plus the time to measure the value.
  @inlinable
  @discardableResult
  public func set(_ value: Value, for key: Key, lifetime: Duration? = nil, pinned: Bool? = nil)
    -> Bool
  {
    let hash = hash(key)
    let shard = shard(for: hash)
    let weight = sizer.weigh(key, value)
    if checksMutations { noteFingerprint(key, value) }
    let ticks = lifetimeTicks(key, value, lifetime)
    let now = time.now
    var removals = Removals<Key, Value>()
    shard.pointee.lock.lock()
    if expires, shard.pointee.wheel.isDue(now) { shard.pointee.removeExpired(now: now, &removals) }
    let result = shard.pointee.store(
      value, for: key, hash: Self.high(hash), weight: weight, times: (now, ticks), pinned: pinned,
      &removals)
    shard.pointee.lock.unlock()
    observer.stored(hash, weight: weight)
    if observer.observes(hash) { noteValue(value, hash) }
    if expires { startSweeping() }
    if removals.first != nil { report(removals) }
    if case .stored = result { return true }
    return setSlowly(value, key, hash, weight, (now, ticks), pinned)
  }

  /// Stores several values; returns how many were stored.
  @inlinable
  @discardableResult
  public func set(_ values: some Sequence<(Key, Value)>) -> Int {
    var stored = 0
    for (key, value) in values where set(value, for: key) { stored += 1 }
    return stored
  }

  /// Stores several values; returns how many were stored.
  @inlinable
  @discardableResult
  public func set(_ values: [Key: Value]) -> Int {
    var stored = 0
    for (key, value) in values where set(value, for: key) { stored += 1 }
    return stored
  }

  /// Removes an entry. Returns its value, if there was one that was not over.
  @inlinable
  @discardableResult
  public func remove(_ key: Key) -> Value? {
    let hash = hash(key)
    let shard = shard(for: hash)
    let now = expires ? time.now : 0
    var removals = Removals<Key, Value>()
    var value: Value?
    shard.pointee.lock.lock()
    let id = shard.pointee.find(key, hash: Self.high(hash))
    if id != 0 {
      let isOver = expires && shard.pointee.isOver(id, now: now)
      if !isOver { value = shard.pointee.table[id].pointee.value }
      shard.pointee.remove(id, isOver ? .expired : .explicit, &removals)
    }
    shard.pointee.lock.unlock()
    if removals.first != nil { report(removals) }
    return value
  }

  /// Removes all entries. Linear in their number; other threads may use the cache meanwhile.
  public func removeAll() {
    for index in 0...shardMask {
      var removals = Removals<Key, Value>()
      let shard = shard(at: index)
      shard.pointee.lock.lock()
      shard.pointee.removeAll(.explicit, &removals)
      shard.pointee.lock.unlock()
      report(removals)
    }
  }

  /// Keeps an entry from being evicted, or lets it go again. Returns whether the key has an entry.
  @discardableResult
  public func pin(_ key: Key, _ pinned: Bool = true) -> Bool {
    let hash = hash(key)
    let shard = shard(for: hash)
    shard.pointee.lock.lock()
    defer { shard.pointee.lock.unlock() }
    let id = shard.pointee.find(key, hash: Self.high(hash))
    guard id != 0 else { return false }
    shard.pointee.policy.setPinned(pinned, id)
    return true
  }

  /// For about one key in a hundred.
  @usableFromInline @inline(never)
  func noteValue(_ value: Value, _ hash: UInt64) {
    equalValues.note(value, key: UInt32(truncatingIfNeeded: hash))
  }

  @inlinable @inline(__always)
  func lifetimeTicks(_ key: Key, _ value: Value, _ given: Duration?) -> UInt32? {
    guard expires else { return nil }
    if let given { return time.ticks(given) }
    guard let lifetime else { return nil }
    return lifetime(key, value).map(time.ticks)
  }

  /// Calls the listener and lets the values go.
  @usableFromInline @inline(never)
  func report(_ removals: consuming Removals<Key, Value>) {
    guard let listener else { return }
    if let first = removals.first { listener(first.key, first.value, first.cause) }
    for removal in removals.rest { listener(removal.key, removal.value, removal.cause) }
  }

  /// The shard had no room. Its share may be too small for the entry while the whole cache is not: then the others give of theirs.
  @usableFromInline @inline(never)
  func setSlowly(
    _ value: Value, _ key: Key, _ hash: UInt64, _ weight: UInt64,
    _ times: (now: UInt64, lifetime: UInt32?),
    _ pinned: Bool?
  ) -> Bool {
    let shard = shard(for: hash)
    balanceShares()
    if weight <= bound.maximum, borrow(weight, for: Int(truncatingIfNeeded: hash) & shardMask) {
      var removals = Removals<Key, Value>()
      shard.pointee.lock.lock()
      let result = shard.pointee.store(
        value, for: key, hash: Self.high(hash), weight: weight, times: times, pinned: pinned,
        &removals)
      shard.pointee.lock.unlock()
      report(removals)
      if case .stored = result { return true }
    }
    var removals = Removals<Key, Value>()
    shard.pointee.lock.lock()
    let id = shard.pointee.find(key, hash: Self.high(hash))
    if id != 0 {
      shard.pointee.remove(id, .refused, &removals)
    } else {
      shard.pointee.counters.count(.refused)
    }
    shard.pointee.lock.unlock()
    report(removals)
    return false
  }
}
