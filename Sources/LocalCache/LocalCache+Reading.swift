extension LocalCache {
  /// The value of a key, or nil. Counts as a hit or a miss, and as a use of the entry.
  ///
  /// Constant time.
  @inlinable
  public func get(_ key: Key) -> Value? {
    let hash = hash(key)
    let shard = shard(for: hash)
    let now = expires ? time.now : 0
    shard.pointee.lock.lock()
    let id = shard.pointee.find(key, hash: Self.high(hash))
    guard id != 0, !expires || shard.pointee.isAlive(id, now: now) else {
      return missed(hash, shard, id, now)
    }
    shard.pointee.policy.recordHit(id)
    let value = shard.pointee.table[id].pointee.value
    if observer.observes(hash) {
      observer.hit(
        hash, weight: shard.pointee.policy.weight(of: id), age: shard.pointee.age(id, time))
    }
    shard.pointee.lock.unlock()
    return value
  }

  /// Gives the value of a key to a closure without copying or retaining it, or returns nil.
  ///
  /// The closure runs under the lock of a part of the cache: it should be short, and it must not use this cache (that ends the process with
  /// a message). A value that all threads read all the time is read fastest this way, because nobody counts references to it.
  @inlinable
  public func withValue<Result, Failure: Error>(
    for key: Key, _ body: (borrowing Value) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    let hash = hash(key)
    let shard = shard(for: hash)
    let now = expires ? time.now : 0
    shard.pointee.lock.lock()
    let id = shard.pointee.find(key, hash: Self.high(hash))
    guard id != 0, !expires || shard.pointee.isAlive(id, now: now) else {
      _ = missed(hash, shard, id, now)
      return nil
    }
    shard.pointee.policy.recordHit(id)
    if observer.observes(hash) {
      observer.hit(
        hash, weight: shard.pointee.policy.weight(of: id), age: shard.pointee.age(id, time))
    }
    shard.pointee.lock.beginBorrow()
    defer {
      shard.pointee.lock.endBorrow()
      shard.pointee.lock.unlock()
    }
    return try body(shard.pointee.table[id].pointee.value)
  }

  /// Whether a key has a value. Counts neither as a hit nor as a use.
  @inlinable
  public func contains(_ key: Key) -> Bool {
    let hash = hash(key)
    let shard = shard(for: hash)
    let now = expires ? time.now : 0
    shard.pointee.lock.lock()
    defer { shard.pointee.lock.unlock() }
    let id = shard.pointee.find(key, hash: Self.high(hash))
    return id != 0 && (!expires || !shard.pointee.isOver(id, now: now))
  }

  /// The values of those keys that have one.
  @inlinable
  public func get(_ keys: some Sequence<Key>) -> [Key: Value] {
    var found: [Key: Value] = [:]
    for key in keys {
      if let value = get(key) { found[key] = value }
    }
    return found
  }

  /// The value of a key, or nil; assigning stores or removes.
  @inlinable
  public subscript(key: Key) -> Value? {
    get { get(key) }
    set {
      if let newValue { set(newValue, for: key) } else { remove(key) }
    }
  }

  /// The end of a look-up that found nothing, or something that is over. Expects the lock and frees it.
  @usableFromInline @inline(never)
  func missed(
    _ hash: UInt64, _ shard: UnsafeMutablePointer<Shard<Key, Value>>, _ id: UInt32, _ now: UInt64
  ) -> Value? {
    shard.pointee.policy.recordMiss()
    var removals = Removals<Key, Value>()
    if id != 0 { shard.pointee.remove(id, .expired, &removals) }
    shard.pointee.lock.unlock()
    observer.missed(hash)
    report(removals)
    return nil
  }
}

extension Shard {
  /// Whether an entry may still be used; if so, its life goes on.
  @inlinable @inline(__always)
  func isAlive(_ id: UInt32, now: UInt64) -> Bool {
    guard let lifetime = table.lifetime(id) else { return true }
    let deadline = lifetime.pointee.deadline
    if deadline != CacheTime.never && expiry.relative(now) >= deadline { return false }
    expiry.access(id, now: now, table: table)
    return true
  }

  @inlinable
  func isOver(_ id: UInt32, now: UInt64) -> Bool {
    guard let lifetime = table.lifetime(id) else { return false }
    return expiry.isOver(lifetime.pointee.deadline, now: now)
  }

  /// Ticks since the entry was written.
  @usableFromInline
  func age(_ id: UInt32, _ time: CacheTime) -> UInt32 {
    let now = expiry.relative(time.now)
    let written = table.written(id).pointee
    return now > written ? now - written : 0
  }
}
