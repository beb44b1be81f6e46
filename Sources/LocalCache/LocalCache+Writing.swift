extension LocalCache {
  /// Stores a value for a key, in place of an earlier one.
  ///
  /// - Parameters:
  ///   - lifetime: how long this entry lives, in place of the configured time; not prolonged by use. Needs a cache whose `Configuration` has a
  ///     lifetime or an `expiry`, if only `perEntry`. 13 days at most, or the longest of the `expiry`'s times if that is more: what is given beyond ends then.
  ///   - pinned: true keeps the entry from being evicted (it still counts, and still expires), false lets it go again, nil changes nothing.
  /// - Returns: false if the entry was refused: it is larger than the whole cache, or than 4 GiB, or pinned entries leave no room, or the cache keeps
  ///   no lifetimes and this entry has one. An earlier value of the key is removed even then, since it is out of date.
  ///
  /// Constant time on average, plus the time to measure the value.
  @inlinable
  @discardableResult
  public func set(_ value: Value, for key: Key, lifetime: Duration? = nil, pinned: Bool? = nil) -> Bool {
    store(value, for: key, lifetime: lifetime, pinned: pinned, stamp: nil)
  }

  /// - Parameters:
  ///   - stamp: what `WriteWatch` said when a load of the value began; nothing is stored if the key was written since.
  ///   - isLoaded: whether the value comes from a load of the cache's own, which is timed elsewhere.
  @inlinable @inline(__always)
  @discardableResult
  func store(
    _ value: Value, for key: Key, lifetime: Duration?, pinned: Bool?, stamp: UInt32?, isLoaded: Bool = false
  ) -> Bool {
    let hash = hash(key)
    let shard = shard(for: hash)
    shard.pointee.prefetch(Self.high(hash))
    guard lifetime == nil || expires else { return refuse(key, hash, stamp) }
    let weight = sizer.weigh(key, value)
    if checksMutations { noteFingerprint(key, value) }
    let ticks = lifetimeTicks(key, value, lifetime)
    let now = time.ofWriting
    if WholeValue<Value>.isWhole, shard.pointee.lock.isOpen, ticks == nil, pinned == nil,
      replaceBesideReaders(value, key, hash, weight, now)
    {
      return true
    }
    var removals = Removals<Key, Value>()
    shard.pointee.lock.lock()
    if shard.pointee.expiry.isLookDue(now) { removeSomeExpired(shard, now, &removals) }
    if loader.isFlying, !beginWrite(shard, hash, stamp) {
      dropFingerprint(key)
      return false
    }
    let result = shard.pointee.store(
      value, for: key, hash: Self.high(hash), weight: weight, times: (now, ticks), pinned: pinned,
      &removals)
    shard.pointee.setSampling()
    let isSweeperWanted = shard.pointee.expiry.takeSweeperWanted()
    shard.pointee.lock.unlock()
    noteStored(value, hash, weight, isLoaded: isLoaded)
    if isSweeperWanted { startSweeping() }
    if removals.first != nil { report(removals) }
    if loader.isFlying, stamp == nil { loader.detach(key) }
    if case .stored = result { return true }
    return setSlowly(value, key, hash, weight, (now, ticks), pinned, stamp)
  }

  /// Puts a whole value in place of an earlier one, without closing the shard to readers. Returns false, having changed nothing, where it has to be closed: nobody
  /// else may be told of it, and no load be on its way.
  @inlinable @inline(never)
  func replaceBesideReaders(_ value: Value, _ key: Key, _ hash: UInt64, _ weight: UInt64, _ now: UInt64) -> Bool {
    guard listener == nil else { return false }
    let shard = shard(for: hash)
    shard.pointee.lock.lockToRead()
    let isReplaced =
      !loader.isFlying && !shard.pointee.expiry.isLookDue(now)
      && shard.pointee.replaceBesideReaders(value, for: key, hash: Self.high(hash), weight: weight, now: now)
    shard.pointee.lock.unlock()
    guard isReplaced else { return false }
    noteStored(value, hash, weight, isLoaded: false)
    if loader.isFlying { loader.detach(key) }
    return true
  }

  /// Who writes removes a group of what is over, and frees its lock for a moment before that.
  @usableFromInline @inline(never)
  func removeSomeExpired(
    _ shard: UnsafeMutablePointer<Shard<Key, Value>>, _ now: UInt64, _ removals: inout Removals<Key, Value>
  ) {
    let limit = 32
    if shard.pointee.reportsRemovals {
      shard.pointee.lock.unlock()
      removals.reserve(Shard<Key, Value>.mostExpired(limit: limit))
      shard.pointee.lock.lock()
    }
    _ = shard.pointee.removeExpired(now: now, limit: limit, isThorough: false, &removals)
  }

  /// Notes a write for loads that are on their way, or finds that this one comes too late and frees the lock. Returns whether to go on.
  @usableFromInline @inline(never)
  func beginWrite(_ shard: UnsafeMutablePointer<Shard<Key, Value>>, _ hash: UInt64, _ stamp: UInt32?) -> Bool {
    guard let stamp else {
      loader.watch.noteWrite(hash)
      return true
    }
    if loader.watch.isCurrent(hash, since: stamp) { return true }
    shard.pointee.lock.unlock()
    return false
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
    if loader.isFlying { loader.watch.noteWrite(hash) }
    let id = shard.pointee.find(key, hash: Self.high(hash))
    if id != 0 {
      let isOver = expires && shard.pointee.isOver(id, now: now)
      if !isOver { value = shard.pointee.table[id].pointee.value }
      shard.pointee.remove(id, isOver ? .expired : .explicit, &removals)
    }
    shard.pointee.lock.unlock()
    observer.removed(hash)
    if removals.first != nil { report(removals) }
    if loader.isFlying { loader.detach(key) }
    return value
  }

  /// Keeps an entry from being evicted: it still counts, and still expires. A new value of the key is kept too. Returns whether the key has a value.
  ///
  /// Constant time.
  @discardableResult
  public func pin(_ key: Key) -> Bool { setPinned(true, key) }

  /// Lets an entry be evicted again; at once, where the cache holds more than its limit. Returns whether the key has a value.
  ///
  /// Constant time.
  @discardableResult
  public func unpin(_ key: Key) -> Bool { setPinned(false, key) }

  private func setPinned(_ pinned: Bool, _ key: Key) -> Bool {
    let hash = hash(key)
    let shard = shard(for: hash)
    let now = expires ? time.now : 0
    let (isThere, isTooMuch) = locked(shard) { shard in
      let id = shard.pointee.find(key, hash: Self.high(hash))
      guard id != 0, !shard.pointee.isOver(id, now: now) else { return (false, false) }
      shard.pointee.policy.setPinned(pinned, id)
      return (true, !pinned && shard.pointee.policy.weight > shard.pointee.policy.maximum)
    }
    if isTooMuch { evictSurplus(Int(truncatingIfNeeded: hash) & shardMask) }
    return isThere
  }

  /// The limit may have become smaller than what was pinned until now.
  private func evictSurplus(_ index: Int) {
    balanceShares()
    var removals = Removals<Key, Value>()
    bound.transfers.withLock { _ in
      setShare(of: index, to: locked(shard(at: index)) { $0.pointee.policy.maximum }, &removals)
    }
    report(removals)
  }

  /// Notes a value that was stored, for the statistics. To be called without locks of the cache.
  @inlinable @inline(__always)
  func noteStored(_ value: Value, _ hash: UInt64, _ weight: UInt64, isLoaded: Bool) {
    observer.stored(hash, weight: weight, isLoaded: isLoaded)
    if observer.observes(hash) { noteValue(value, hash) }
  }

  /// For about one key in a hundred.
  @usableFromInline @inline(never)
  func noteValue(_ value: Value, _ hash: UInt64) {
    equalValues?.note(value, key: UInt32(truncatingIfNeeded: hash))
  }

  @inlinable @inline(__always)
  func lifetimeTicks(_ key: Key, _ value: Value, _ given: Duration?) -> UInt32? {
    guard expires else { return nil }
    if let given { return time.ticks(given) }
    guard let lifetime else { return nil }
    return lifetime(key, value).map(time.ticks)
  }

  /// Calls the listener and lets the values go. Inlinable, because code for any type of key and value would have to find out about that type each time.
  @inlinable
  func report(_ removals: consuming Removals<Key, Value>) {
    guard let listener else { return }
    if let first = removals.first { listener(first.key, first.value, first.cause) }
    for removal in removals.rest ?? [] { listener(removal.key, removal.value, removal.cause) }
  }

  /// The shard had no room. Its share may be too small for the entry while the whole cache is not: then the others give of theirs.
  @usableFromInline @inline(never)
  func setSlowly(
    _ value: Value, _ key: Key, _ hash: UInt64, _ weight: UInt64,
    _ times: (now: UInt64, lifetime: UInt32?),
    _ pinned: Bool?, _ stamp: UInt32?
  ) -> Bool {
    let shard = shard(for: hash)
    if weight <= min(bound.maximum, PolicyNode.maximumWeight), borrow(weight, for: key, hash) {
      var removals = Removals<Key, Value>()
      shard.pointee.lock.lock()
      if let stamp, !beginWrite(shard, hash, stamp) {
        dropFingerprint(key)
        return false
      }
      let result = shard.pointee.store(
        value, for: key, hash: Self.high(hash), weight: weight, times: times, pinned: pinned,
        &removals)
      let isSweeperWanted = shard.pointee.expiry.takeSweeperWanted()
      shard.pointee.lock.unlock()
      if isSweeperWanted { startSweeping() }
      report(removals)
      if case .stored = result { return true }
    }
    dropFingerprint(key)
    return refuse(key, hash, stamp)
  }

  /// Removes an earlier value of a key whose new one is not taken in, or counts that there was none. Returns false.
  @usableFromInline @inline(never)
  func refuse(_ key: Key, _ hash: UInt64, _ stamp: UInt32? = nil) -> Bool {
    let shard = shard(for: hash)
    var removals = Removals<Key, Value>()
    shard.pointee.lock.lock()
    if loader.isFlying, !beginWrite(shard, hash, stamp) { return false }
    let id = shard.pointee.find(key, hash: Self.high(hash))
    if id != 0 {
      shard.pointee.remove(id, .refused, &removals)
    } else {
      shard.pointee.counters.count(.refused)
    }
    shard.pointee.lock.unlock()
    report(removals)
    if loader.isFlying, stamp == nil { loader.detach(key) }
    return false
  }
}
