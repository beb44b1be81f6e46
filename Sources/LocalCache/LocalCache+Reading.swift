import Synchronization

extension LocalCache {
  /// The value of a key, or nil. Counts as a hit or a miss, and as a use of the entry.
  ///
  /// Constant time.
  @inlinable
  public func get(_ key: Key) -> Value? {
    if isQuick, let word = KeyHash.word(key) { return getWide(key, keyHash.encrypted(word)) }
    switch entryTimes {
    case .written: return getLasting(key)
    case .deadline: return getMortal(key)
    case .sliding: return getSliding(key)
    case .both: return getProlonged(key)
    }
  }

  /// The same where every entry ends some time after it was written.
  @inlinable @inline(never)
  func getMortal(_ key: Key) -> Value? {
    guard let latest = time.latest else { return getTogether(key) }
    return getWide(key, hash(key), latest: latest, times: .deadline)
  }

  /// The same where accesses move that end.
  @inlinable @inline(never)
  func getSliding(_ key: Key) -> Value? {
    guard let latest = time.latest else { return getTogether(key) }
    return getWide(key, hash(key), latest: latest, times: .sliding)
  }

  /// The same where entries can expire in another way.
  @inlinable @inline(never)
  func getProlonged(_ key: Key) -> Value? {
    guard let latest = time.latest else { return getTogether(key) }
    return getWide(key, hash(key), latest: latest, times: .both)
  }

  /// The same where entries cannot expire, and the hash is a call.
  @inlinable @inline(never)
  func getLasting(_ key: Key) -> Value? { getWide(key, hash(key)) }

  @inlinable @inline(never)
  func getTogether(_ key: Key) -> Value? { getTogether(key, hash(key)) }

  /// The way of most hits: the shard is open wide, the entry is in its bucket, has long to live, and nobody samples it. Everything else leaves it for
  /// a call that ends it, so that nothing has to be kept over a call: a processor sees only some hundred instructions ahead, and as many look-ups wait
  /// for memory at once as fit into these.
  @inlinable @inline(__always)
  func getWide(_ key: Key, _ hash: UInt64, latest: UInt64? = nil, times: EntryTimes = .written) -> Value? {
    let shard = shard(for: hash)
    guard let cell = shard.pointee.lock.enterWide(cells, tag: Self.tag(shard)) else { return getTogether(key, hash) }
    guard let id = shard.pointee.index.candidate(Self.high(hash)) else { return get(key, hash, under: cell) }
    let slot = EntrySlot<Key, Value>(id, chunks: shard.pointee.policy.pool.chunks, times: times)
    guard slot.record.pointee.key == key else { return get(key, hash, under: cell) }
    if let latest, !shard.pointee.isSurelyAlive(slot.deadline, latest, times) { return get(key, hash, under: cell) }
    let hits = cell.pointee.hitCount
    guard Self.high(hash) >= shard.pointee.sampledBelow.load(ordering: .relaxed), !cell.pointee.isProbed(hits) else {
      return getSampled(id, hash, cell)
    }
    shard.pointee.policy.markHit(slot.access)
    cell.pointee.hits.store(hits &+ 1, ordering: .relaxed)
    let value = WholeValue.load(slot.value)
    cell.pointee.leave()
    return value
  }

  /// The same where it is not known yet whether the shard is open to readers.
  @inlinable @inline(never)
  func getTogether(_ key: Key, _ hash: UInt64) -> Value? {
    guard let cell = shard(for: hash).pointee.lock.enter() else { return getLocked(key, hash) }
    return get(key, hash, under: cell)
  }

  /// The same with a cell that is marked. Leaves it.
  @inlinable @inline(never)
  func get(_ key: Key, _ hash: UInt64, under cell: UnsafeMutablePointer<ReaderCell>) -> Value? {
    let shard = shard(for: hash)
    let id = shard.pointee.find(key, hash: Self.high(hash))
    guard id != 0, !expires || shard.pointee.isAlive(id, time) else {
      return missed(hash, cell)
    }
    noteHit(id, hash, cell)
    let value = WholeValue.load(shard.pointee.table.value(id))
    cell.pointee.leave()
    return value
  }

  /// The end of a hit that is sampled. Leaves the cell.
  @inlinable @inline(never)
  func getSampled(_ id: UInt32, _ hash: UInt64, _ cell: UnsafeMutablePointer<ReaderCell>) -> Value? {
    let shard = shard(for: hash)
    noteSampledHit(id, hash, cell)
    shard.pointee.policy.markHit(shard.pointee.policy.pool.sharedAccess(id))
    cell.pointee.countHit()
    let value = WholeValue.load(shard.pointee.table.value(id))
    cell.pointee.leave()
    return value
  }

  /// The same under the shard's lock, while the shard is not open to readers.
  @inlinable @inline(__always)
  func getLocked(_ key: Key, _ hash: UInt64) -> Value? {
    let shard = shard(for: hash)
    let now = expires ? time.now : 0
    shard.pointee.lock.lockToRead()
    let id = shard.pointee.find(key, hash: Self.high(hash))
    guard id != 0, !expires || shard.pointee.isAlive(id, now: now) else {
      return missed(hash, shard)
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
      _ = missed(hash, cell)
      return nil
    }
    noteHit(id, hash, cell)
    cell.pointee.borrower.store(ThisThread.number, ordering: .relaxed)
    defer {
      cell.pointee.borrower.store(0, ordering: .relaxed)
      cell.pointee.leave()
    }
    return try WholeValue.lend(shard.pointee.table.value(id), body)
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
      _ = missed(hash, shard)
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

  /// A hit of a reader with a cell, for all who want to know.
  @inlinable @inline(__always)
  func noteHit(_ id: UInt32, _ hash: UInt64, _ cell: UnsafeMutablePointer<ReaderCell>) {
    let shard = shard(for: hash)
    let hits = cell.pointee.hitCount
    if Self.high(hash) < shard.pointee.sampledBelow.load(ordering: .relaxed) || cell.pointee.isProbed(hits) {
      noteSampledHit(id, hash, cell)
    }
    shard.pointee.policy.markHit(shard.pointee.policy.pool.sharedAccess(id))
    cell.pointee.hits.store(hits &+ 1, ordering: .relaxed)
  }

  /// Notes for the statistics and for the policy's models, for about one access in a hundred, before the hit is marked in the entry.
  @inlinable @inline(never)
  func noteSampledHit(_ id: UInt32, _ hash: UInt64, _ cell: UnsafeMutablePointer<ReaderCell>) {
    let shard = shard(for: hash)
    shard.pointee.policy.sampleAccess(Self.high(hash))
    let number = cell.pointee.hitCount
    let isObserved = Self.high(hash) < cells.observedBelow
    let isProbed = cell.pointee.isProbed(number)
    // Only the models wanted it, and they may have enough for now.
    guard isObserved || isProbed else { return shard.pointee.setSampling() }
    let reuse = shard.pointee.policy.reuse(of: id)
    if isObserved { observer.hit(hash, weight: shard.pointee.policy.weight(of: id), reuse: reuse, cell) }
    if isProbed {
      // The clock is read for one probe in eight: that is enough for the ages.
      let isAgeWanted = cell.pointee.isProbed(number &>> 3)
      observer.probe(reuse: reuse, age: isAgeWanted ? shard.pointee.age(id, time) : nil, cell)
    }
  }

  /// The same for a hit under the lock.
  @inlinable @inline(__always)
  func observeHit(_ id: UInt32, _ hash: UInt64, _ number: UInt64) {
    if observer.observes(hash) || observer.probes(number) { observeSampledHit(id, hash, number) }
  }

  @inlinable @inline(never)
  func observeSampledHit(_ id: UInt32, _ hash: UInt64, _ number: UInt64) {
    let shard = shard(for: hash)
    observer.hit(
      hash, number: number, weight: shard.pointee.policy.weight(of: id), reuse: shard.pointee.policy.reuse(of: id)
    ) { shard.pointee.age(id, time) }
  }

  /// Tells the shards which keys the statistics sample. May run beside readers and writers: they correct what is too much.
  func setSampling() {
    for index in 0...shardMask {
      shard(at: index).pointee.sampledBelow.max(cells.observedBelow, ordering: .relaxed)
    }
  }

  /// Whether a key has a value. Counts neither as a hit nor as a use.
  @inlinable
  public func contains(_ key: Key) -> Bool {
    let hash = hash(key)
    let shard = shard(for: hash)
    let cell = shard.pointee.lock.enter()
    if cell == nil { shard.pointee.lock.lockToRead() }
    defer {
      if let cell { cell.pointee.leave() } else { shard.pointee.lock.unlockAfterReading() }
    }
    let id = shard.pointee.find(key, hash: Self.high(hash))
    return id != 0 && (!expires || !shard.pointee.isOver(id, time))
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
  ///
  /// What is over stays: to remove it would take the lock, and to end it the lock of malloc too, and with values that lead to many blocks a long time. Who stores
  /// something, for this key or another one of the shard, and the task that looks after what is over do that.
  @usableFromInline @inline(never)
  func missed(_ hash: UInt64, _ cell: UnsafeMutablePointer<ReaderCell>) -> Value? {
    let number = cell.pointee.missCount
    cell.pointee.countMiss()
    cell.pointee.leave()
    observer.missed(hash, number: number)
    return nil
  }

  /// The same under the lock, which it frees.
  @usableFromInline @inline(never)
  func missed(_ hash: UInt64, _ shard: UnsafeMutablePointer<Shard<Key, Value>>) -> Value? {
    let number = shard.pointee.policy.misses
    shard.pointee.policy.recordMiss()
    shard.pointee.lock.unlockAfterReading()
    observer.missed(hash, number: number)
    return nil
  }
}

extension Shard {
  /// Whether an entry may still be used; if so, its life goes on. Threads that read together may call this at the same time.
  @inlinable @inline(__always)
  func isAlive(_ id: UInt32, _ time: CacheTime) -> Bool {
    if let latest = time.latest, isSurelyAlive(lifetimes.sharedDeadline(id), latest, expiry.times) { return true }
    return isAlive(id, now: time.now)
  }

  /// Whether an entry may be used without a look at the clock: it has more to live than the clock can have gone on since, and needs no more.
  @inlinable @inline(__always)
  func isSurelyAlive(
    _ deadline: UnsafeMutablePointer<Atomic<UInt32>>, _ latest: UInt64, _ times: EntryTimes
  ) -> Bool {
    let deadline = deadline.pointee.load(ordering: .relaxed)
    let rest = Int64(truncatingIfNeeded: expiry.base &+ UInt64(deadline) &- latest)
    if times == .deadline { return rest > 0 }
    return rest >= expiry.ampleRest || rest > 0 && deadline & ShardExpiry.fixedBit != 0
  }

  @inlinable @inline(never)
  func isAlive(_ id: UInt32, now: UInt64) -> Bool {
    let shared = lifetimes.sharedDeadline(id)
    let deadline = shared.pointee.load(ordering: .relaxed)
    let time = expiry.relative(now)
    // `never` is greater than any time.
    if deadline <= time { return false }
    if expiry.isToBeProlonged(deadline, now: time) {
      let later = expiry.prolonged(id, now: time, table: lifetimes)
      if later != deadline { shared.pointee.store(later, ordering: .relaxed) }
    }
    return true
  }

  @inlinable
  func isOver(_ id: UInt32, now: UInt64) -> Bool {
    expiry.isActive && expiry.isOver(lifetimes.sharedDeadline(id).pointee.load(ordering: .relaxed), now: now)
  }

  /// The same without a look at the clock where it cannot have gone on that far since the last one.
  @inlinable
  func isOver(_ id: UInt32, _ time: CacheTime) -> Bool {
    let deadline = lifetimes.sharedDeadline(id).pointee.load(ordering: .relaxed)
    if let latest = time.latest, expiry.base &+ UInt64(deadline) > latest { return false }
    return expiry.isOver(deadline, now: time.now)
  }

  /// Ticks since the entry was written.
  @inlinable
  func age(_ id: UInt32, _ time: CacheTime) -> UInt32 {
    let age = Int64(expiry.relative(time.now)) - expiry.written(id, lifetimes)
    return UInt32(clamping: age)
  }
}
