import Synchronization

extension LocalCache {
  /// The value of a key, or nil. Counts as a hit or a miss, and as a use of the entry.
  ///
  /// Constant time.
  @inlinable
  public func get(_ key: Key) -> Value? {
    let hash = hash(key)
    let shard = shard(for: hash)
    guard let cell = shard.pointee.lock.enter() else { return getExclusively(key, hash) }
    let id = shard.pointee.find(key, hash: Self.high(hash))
    guard id != 0, !expires || shard.pointee.isAlive(id, time) else {
      return missed(key, hash, cell, isOver: id != 0)
    }
    let value = shard.pointee.table[id].pointee.value
    if cell.pointee.isSampled(Self.high(hash)) { noteSampledHit(id, hash, cell.pointee.hitCount) }
    shard.pointee.policy.markHit(id)
    cell.pointee.countHit()
    cell.pointee.leave()
    return value
  }

  /// The same under the shard's lock, while the shard is not open to readers.
  @inlinable @inline(never)
  func getExclusively(_ key: Key, _ hash: UInt64) -> Value? {
    let shard = shard(for: hash)
    let now = expires ? time.now : 0
    shard.pointee.lock.lockToRead()
    let id = shard.pointee.find(key, hash: Self.high(hash))
    guard id != 0, !expires || shard.pointee.isAlive(id, now: now) else {
      return missed(hash, shard, id)
    }
    observeHit(id, hash, shard.pointee.policy.hits)
    shard.pointee.policy.recordHit(id)
    let value = shard.pointee.table[id].pointee.value
    shard.pointee.lock.unlockAfterReading()
    if checksMutations { checkFingerprint(key, value) }
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
    guard let cell = shard.pointee.lock.enter() else {
      return try withValueExclusively(key, hash, body)
    }
    let id = shard.pointee.find(key, hash: Self.high(hash))
    guard id != 0, !expires || shard.pointee.isAlive(id, time) else {
      _ = missed(key, hash, cell, isOver: id != 0)
      return nil
    }
    if cell.pointee.isSampled(Self.high(hash)) { noteSampledHit(id, hash, cell.pointee.hitCount) }
    shard.pointee.policy.markHit(id)
    cell.pointee.countHit()
    cell.pointee.borrower.store(ThisThread.number, ordering: .relaxed)
    defer {
      cell.pointee.borrower.store(0, ordering: .relaxed)
      cell.pointee.leave()
    }
    return try body(shard.pointee.table[id].pointee.value)
  }

  @inlinable @inline(never)
  func withValueExclusively<Result, Failure: Error>(
    _ key: Key, _ hash: UInt64, _ body: (borrowing Value) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    let shard = shard(for: hash)
    let now = expires ? time.now : 0
    shard.pointee.lock.lockToRead()
    let id = shard.pointee.find(key, hash: Self.high(hash))
    guard id != 0, !expires || shard.pointee.isAlive(id, now: now) else {
      _ = missed(hash, shard, id)
      return nil
    }
    observeHit(id, hash, shard.pointee.policy.hits)
    shard.pointee.policy.recordHit(id)
    shard.pointee.lock.borrower.store(ThisThread.number, ordering: .relaxed)
    defer {
      shard.pointee.lock.borrower.store(0, ordering: .relaxed)
      shard.pointee.lock.unlockAfterReading()
    }
    return try body(shard.pointee.table[id].pointee.value)
  }

  /// Notes for the statistics and for the policy's models, for about one access in a hundred, before the hit is marked in the entry.
  @inlinable @inline(never)
  func noteSampledHit(_ id: UInt32, _ hash: UInt64, _ number: UInt64) {
    shard(for: hash).pointee.policy.sampleAccess(Self.high(hash))
    observeHit(id, hash, number)
  }

  @inlinable
  func observeHit(_ id: UInt32, _ hash: UInt64, _ number: UInt64) {
    guard observer.observes(hash) || observer.probes(number) else { return }
    let shard = shard(for: hash)
    observer.hit(
      hash, number: number, weight: shard.pointee.policy.weight(of: id), reuse: shard.pointee.policy.reuse(of: id)
    ) { shard.pointee.age(id, time) }
  }

  /// Whether a key has a value. Counts neither as a hit nor as a use.
  @inlinable
  public func contains(_ key: Key) -> Bool {
    let hash = hash(key)
    let shard = shard(for: hash)
    let now = expires ? time.now : 0
    let cell = shard.pointee.lock.enter()
    if cell == nil { shard.pointee.lock.lockToRead() }
    defer {
      if let cell { cell.pointee.leave() } else { shard.pointee.lock.unlockAfterReading() }
    }
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

  /// The end of a look-up under a cell that found nothing, or something that is over. Leaves the cell.
  @usableFromInline @inline(never)
  func missed(
    _ key: Key, _ hash: UInt64, _ cell: UnsafeMutablePointer<ReaderCell>, isOver: Bool
  ) -> Value? {
    // What is over can only be removed exclusively; it may have been replaced until then.
    guard !isOver else {
      cell.pointee.leave()
      return getExclusively(key, hash)
    }
    let number = cell.pointee.missCount
    cell.pointee.countMiss()
    cell.pointee.leave()
    observer.missed(hash, number: number)
    return nil
  }

  /// The same under the lock, which it frees.
  @usableFromInline @inline(never)
  func missed(_ hash: UInt64, _ shard: UnsafeMutablePointer<Shard<Key, Value>>, _ id: UInt32) -> Value? {
    let number = shard.pointee.policy.misses
    shard.pointee.policy.recordMiss()
    var removals = Removals<Key, Value>()
    if id != 0 {
      shard.pointee.lock.shutOut()
      shard.pointee.remove(id, .expired, &removals)
      shard.pointee.lock.unlock()
    } else {
      shard.pointee.lock.unlockAfterReading()
    }
    observer.missed(hash, number: number)
    report(removals)
    return nil
  }
}

extension Shard {
  /// Whether an entry may still be used; if so, its life goes on. Threads that read together may call this at the same time.
  @inlinable @inline(__always)
  func isAlive(_ id: UInt32, _ time: CacheTime) -> Bool {
    if let latest = time.latest {
      let deadline = lifetimes.sharedDeadline(id).pointee.load(ordering: .relaxed)
      let latest = expiry.relative(latest)
      if deadline > latest, !expiry.isToBeProlonged(deadline, now: latest) { return true }
    }
    return isAlive(id, now: time.now)
  }

  @usableFromInline @inline(never)
  func isAlive(_ id: UInt32, now: UInt64) -> Bool {
    let shared = lifetimes.sharedDeadline(id)
    let deadline = shared.pointee.load(ordering: .relaxed)
    let time = expiry.relative(now)
    // `never` is greater than any time.
    if deadline <= time { return false }
    if expiry.isToBeProlonged(deadline, now: time) {
      let later = expiry.combined(now: time, written: lifetimes.written(id).pointee)
      if later != deadline { shared.pointee.store(later, ordering: .relaxed) }
    }
    return true
  }

  @inlinable
  func isOver(_ id: UInt32, now: UInt64) -> Bool {
    expiry.isActive && expiry.isOver(lifetimes[id].pointee.deadline, now: now)
  }

  /// Ticks since the entry was written.
  @inlinable
  func age(_ id: UInt32, _ time: CacheTime) -> UInt32 {
    let now = expiry.relative(time.now)
    let written = lifetimes.written(id).pointee
    return now > written ? now - written : 0
  }
}
