import CLocalCache
import Synchronization

/// A part of the cache under one lock: index, entries, policy, times and counters.
///
/// Shards lie in one allocation, 128 bytes apart at least, and are reached by pointer: no reference counting on the way to an entry.
/// Every method but the lock's own expects the lock to be held.
@usableFromInline
struct Shard<Key: Hashable, Value>: ~Copyable {
  @usableFromInline var index = SlotIndex()
  /// Not at the beginning: a change of the shard counts as a write there for the thread sanitizer, and others touch the lock meanwhile.
  @usableFromInline let lock: ShardLock
  /// Hits of hashes below this are worth a second look: the statistics sample them, or the policy's models, as long as these take any.
  @usableFromInline let sampledBelow = Atomic<UInt32>(0)
  /// Where the index was when it grew last, for who is not inside yet: see `prefetch`.
  @usableFromInline let knownWords = Atomic<UInt>(0)
  @usableFromInline let knownBuckets = Atomic<UInt32>(0)
  @usableFromInline var policy: EvictionPolicy
  @usableFromInline var expiry: ShardExpiry
  @usableFromInline var counters = ShardCounters()
  /// Whether removed entries are wanted: for a listener, or because their end runs code.
  @usableFromInline let reportsRemovals: Bool

  init(
    lock: consuming ShardLock, maximum: UInt64, policy configuration: EvictionPolicy.Configuration, expiry: ShardExpiry,
    reportsRemovals: Bool
  ) {
    self.lock = lock
    policy = EvictionPolicy(
      maximum: maximum, configuration: configuration,
      stride: EntryTable<Key, Value>.stride(expiry.times),
      alignment: EntryTable<Key, Value>.alignment)
    self.expiry = expiry
    self.reportsRemovals = reportsRemovals
  }

  /// Ends the entries and frees the memory.
  mutating func deallocate() {
    if !_isPOD(Key.self) || !_isPOD(Value.self) {
      visitEntries { id in table[id].deinitialize(count: 1) }
    }
    index.deallocate()
    policy.deallocate()
  }

  /// The entries, as long as none is added.
  @inlinable @inline(__always)
  var table: EntryTable<Key, Value> { EntryTable(pool: policy.pool) }

  /// Their times; only where entries can expire.
  @inlinable @inline(__always)
  var lifetimes: EntryLifetimes {
    EntryLifetimes(
      pool: policy.pool, offset: EntryTable<Key, Value>.deadlineOffset(expiry.times), times: expiry.times,
      stampShift: expiry.stampShift)
  }

  /// What is sampled now. To be called by whoever reads or writes the shard.
  @inlinable @inline(__always)
  func setSampling() {
    let below = max(lock.cells.observedBelow, policy.sampledBelow)
    if below != sampledBelow.load(ordering: .relaxed) { sampledBelow.store(below, ordering: .relaxed) }
  }

  // MARK: Looking

  /// Asks for the bucket of a hash, before the lock is taken: a processor begins nothing that comes after the lock until it has it. What is known of
  /// the index may be out of date; then the wrong memory is asked for, which does no harm.
  @inlinable @inline(__always)
  func prefetch(_ hash: UInt32) {
    let place = (UInt64(hash) &* UInt64(knownBuckets.load(ordering: .relaxed))) &>> 32
    let offset = UInt(place) &* UInt(SlotIndex.bucketSize &* 4)
    localcache_prefetch(UnsafeRawPointer(bitPattern: knownWords.load(ordering: .relaxed) &+ offset))
  }

  @inlinable @inline(__always)
  func find(_ key: Key, hash: UInt32) -> UInt32 {
    if let id = index.candidate(hash) {
      if table[id].pointee.key == key { return id }
    } else {
      if index.isComplete(hash) { return 0 }
      return findFurther(key, hash: hash, beyondHome: true)
    }
    return findFurther(key, hash: hash, beyondHome: false)
  }

  /// The same where the first candidate is another key's, or where the bucket was full.
  @inlinable @inline(never)
  func findFurther(_ key: Key, hash: UInt32, beyondHome: Bool) -> UInt32 {
    let table = self.table
    return index.find(hash, beyondHome: beyondHome) { id in table[id].pointee.key == key }
  }

  /// Calls the closure with the identifier of each entry.
  @inlinable
  func visitEntries(_ body: (UInt32) -> Void) {
    index.visit(body)
  }

  // MARK: Changing

  @usableFromInline
  enum StoreResult {
    case stored
    /// The shard's share is too small, or pinned entries fill it.
    case noRoom
  }

  /// Puts a value in. Room is made before: the sum of weights does not exceed the bound at any moment.
  @inlinable @inline(__always)
  mutating func store(
    _ value: Value, for key: Key, hash: UInt32, weight: UInt64,
    times: (now: UInt64, lifetime: UInt32?), pinned: Bool?,
    _ removals: inout Removals<Key, Value>
  ) -> StoreResult {
    var isPinned = pinned ?? false
    var existing = find(key, hash: hash)
    let written = expiry.relative(times.now)
    // `never` is greater than any time.
    if existing != 0, expiry.isActive, lifetimes[existing].pointee <= written {
      remove(existing, .expired, &removals)
      existing = 0
    }
    if existing != 0 {
      if policy.fits(weight, insteadOf: existing) {
        replace(existing, by: value, weight: weight, &removals)
        if let pinned { policy.setPinned(pinned, existing) }
        noteWritten(existing, written, times.lifetime)
        return .stored
      }
      guard policy.canHold(weight, insteadOf: existing) else { return .noRoom }
      isPinned = pinned ?? policy.isPinned(existing)
      remove(existing, .replaced, &removals)
    } else {
      guard policy.canHold(weight, insteadOf: nil) else { return .noRoom }
    }
    var id: UInt32 = 0
    while id == 0, !policy.hasRoom(for: weight) {
      guard let victim = policy.nextVictim(for: weight) else { return .noRoom }
      leave(victim, .size)
      end(victim, .size, &removals)
      if !isPinned, policy.fits(weight, insteadOf: victim) {
        // The slot of the last victim is in the processor's cache already.
        index.prefetch(policy.exchange(victim, forHash: hash, weight: weight, written: written))
        id = victim
      } else {
        index.prefetch(policy.evict(victim))
        if index.count == 0 { releaseMemory(&removals.memory) }
      }
    }
    if id == 0 { id = policy.insert(hash: hash, weight: weight, pinned: isPinned, written: written) }
    table[id].initialize(to: .init(key: key, value: value))
    if index.isFull(for: id) { growIndex(&removals.memory) } else { index.insert(id, hash: hash) }
    if expiry.isActive { expiry.begin(id, written: written, lifetime: times.lifetime, table: lifetimes) }
    // A new value that needs more room than the old one left takes this way too.
    if existing == 0 { counters.insertions &+= 1 }
    return .stored
  }

  /// A larger index, in which all entries are that the policy knows.
  @usableFromInline @inline(never)
  mutating func growIndex(_ memory: inout ShardMemory?) {
    memory = ShardMemory(index: index.grow(pool: policy.pool), chunks: nil, wheel: nil, next: memory)
    knownWords.store(UInt(bitPattern: index.words), ordering: .relaxed)
    knownBuckets.store(index.buckets, ordering: .relaxed)
  }

  @inlinable @inline(__always)
  mutating func noteWritten(_ id: UInt32, _ written: UInt32, _ lifetime: UInt32?) {
    policy.pool.use(id).pointee.written = written
    if expiry.isActive { expiry.begin(id, written: written, lifetime: lifetime, table: lifetimes) }
  }

  /// Puts a whole value in place of an earlier one of its key while others may be reading: they find the one or the other. Returns false, having changed
  /// nothing, where that takes more than the words which readers expect to change.
  @inlinable @inline(__always)
  func replaceBesideReaders(_ value: Value, for key: Key, hash: UInt32, weight: UInt64, now: UInt64) -> Bool {
    let id = find(key, hash: hash)
    guard id != 0, policy.weight(of: id) == weight, expiry.restart(id, written: expiry.relative(now), table: lifetimes)
    else { return false }
    WholeValue.replace(table.value(id), by: value)
    policy.touch(id)
    counters.countReplaced()
    return true
  }

  @inlinable
  mutating func replace(
    _ id: UInt32, by value: Value, weight: UInt64, _ removals: inout Removals<Key, Value>
  ) {
    if reportsRemovals {
      removals.append(
        .init(key: table[id].pointee.key, value: table[id].pointee.value, cause: .replaced))
    }
    table[id].pointee.value = value
    policy.setWeight(weight, of: id)
    policy.touch(id)
    counters.count(.replaced)
  }

  @inlinable
  mutating func remove(_ id: UInt32, _ cause: RemovalCause, _ removals: inout Removals<Key, Value>) {
    leave(id, cause)
    end(id, cause, &removals)
    policy.remove(id)
    if index.count == 0 { releaseMemory(&removals.memory) }
  }

  /// The end of what leads to an entry.
  @inlinable @inline(__always)
  mutating func leave(_ id: UInt32, _ cause: RemovalCause) {
    index.remove(id, hash: policy.pool[id].pointee.hash)
    counters.count(cause)
  }

  /// The end of key and value.
  @inlinable @inline(__always)
  mutating func end(_ id: UInt32, _ cause: RemovalCause, _ removals: inout Removals<Key, Value>) {
    if reportsRemovals {
      let record = table[id].move()
      table.clear(id)
      removals.append(.init(key: record.key, value: record.value, cause: cause))
    } else {
      table[id].deinitialize(count: 1)
    }
  }

  /// An empty shard holds no memory for entries.
  @usableFromInline
  mutating func releaseMemory(_ memory: inout ShardMemory?) {
    memory = ShardMemory(index: index.removeAll(), chunks: policy.removeAll(), wheel: expiry.removeAll(), next: memory)
  }

  /// Removes the entries with identifiers in a range for which a closure says so. What it throws ends that.
  mutating func removeAll<Failure: Error>(
    in ids: Range<UInt32>, _ cause: RemovalCause, _ removals: inout Removals<Key, Value>,
    where isToGo: (Key, Value) throws(Failure) -> Bool
  ) throws(Failure) {
    for id in ids where id < policy.pool.highWater && policy.pool[id].pointee.isInUse {
      guard try isToGo(table[id].pointee.key, table[id].pointee.value) else { continue }
      remove(id, cause, &removals)
      counters.emptied &+= 1
    }
  }

  /// Entries that are removed at most by one `removeExpired`: its limit, and a group of the timer wheel more.
  @inlinable
  static func mostExpired(limit: Int) -> Int { limit &+ 32 }

  /// Removes about `limit` entries that are over, the latest of them only if asked for. Returns whether there may be more. Where entries have no
  /// lifetimes, sees to their times of writing only.
  ///
  /// Asks malloc for nothing, if `removals` has room: whoever wants the shard's lock would wait for malloc's.
  @usableFromInline
  mutating func removeExpired(
    now: UInt64, limit: Int, isThorough: Bool, _ removals: inout Removals<Key, Value>
  ) -> Bool {
    // On the stack, as it is less than a kilobyte.
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: Self.mostExpired(limit: limit)) { over in
      let count = expiry.due(
        now: now, limit: limit, isThorough: isThorough, pool: policy.pool, table: lifetimes, into: over)
      for id in over[..<count] { remove(id, .expired, &removals) }
    }
    return expiry.hasReady
  }

  /// A smaller or larger share. Evicts what is too much, `limit` entries at most: where more are, the share is what the rest takes, so that nobody who stores
  /// something meanwhile has to evict them all.
  ///
  /// - Returns: whether it has to be called again.
  @usableFromInline
  mutating func setMaximum(_ maximum: UInt64, limit: Int, _ removals: inout Removals<Key, Value>) -> Bool {
    policy.setMaximum(maximum)
    for _ in 0..<limit {
      guard let victim = policy.nextVictim(for: 0) else { return false }
      remove(victim, .size, &removals)
    }
    guard policy.weight > maximum else { return false }
    policy.setMaximum(policy.weight)
    return true
  }
}

/// What a shard counts beside the policy's hits and misses.
@usableFromInline
struct ShardCounters: ~Copyable {
  @usableFromInline var insertions: UInt64 = 0
  @usableFromInline var expired: UInt64 = 0
  @usableFromInline var evicted: UInt64 = 0
  /// Counted under the lock, but while others may be reading.
  @usableFromInline let replaced = Atomic<UInt64>(0)
  @usableFromInline var explicit: UInt64 = 0
  /// Of these, those that were removed with all others.
  @usableFromInline var emptied: UInt64 = 0
  @usableFromInline var refused: UInt64 = 0

  @inlinable @inline(__always)
  mutating func count(_ cause: RemovalCause) {
    switch cause {
    case .expired: expired &+= 1
    case .size: evicted &+= 1
    case .replaced: countReplaced()
    case .explicit: explicit &+= 1
    case .refused: refused &+= 1
    }
  }

  @inlinable @inline(__always)
  func countReplaced() { replaced.store(replaced.load(ordering: .relaxed) &+ 1, ordering: .relaxed) }

  @inlinable
  init() {}
}
