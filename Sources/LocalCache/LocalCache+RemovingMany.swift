extension LocalCache {
  /// Removes all entries that are there now. Linear in their number; other threads may use the cache meanwhile, and what they store may stay.
  public func removeAll() { removeMany { _, _ in true } }

  /// Removes those of the entries that are there now for which a closure says so: all of one tenant, say. Returns how many.
  ///
  /// ```swift
  /// sessions.removeAll { _, session in session.user == user }
  /// ```
  /// The closure runs under the lock of a part of the cache: it should be short, and it must not use this cache (that ends the process with a message). Values that are being
  /// loaded meanwhile are not stored, since nobody knows whether they would be among them. Linear in the number of all entries; other threads may use the cache
  /// meanwhile, and what they store may stay.
  ///
  /// - Throws: what the closure throws; what was removed before stays removed.
  @discardableResult
  public func removeAll<Failure: Error>(where isToGo: (Key, Value) throws(Failure) -> Bool) throws(Failure) -> Int {
    try removeMany(where: isToGo)
  }

  @discardableResult
  private func removeMany<Failure: Error>(where isToGo: (Key, Value) throws(Failure) -> Bool) throws(Failure) -> Int {
    var count = 0
    if loader.isFlying { loader.watch.noteAllWritten() }
    for index in 0...shardMask {
      let shard = shard(at: index)
      let end = locked(shard) { $0.pointee.policy.pool.highWater }
      // Some at a time, so that look-ups do not wait for all of them.
      for first in stride(from: NodePool.reserved, to: end, by: 256) {
        var removals = Removals<Key, Value>()
        defer { report(removals) }
        shard.pointee.lock.giveWay()
        count += try remove(from: shard, first..<min(first + 256, end), &removals, where: isToGo)
      }
    }
    if loader.isFlying { loader.detachAll() }
    return count
  }

  /// Removes some of the entries with identifiers in a range. Returns how many.
  private func remove<Failure: Error>(
    from shard: UnsafeMutablePointer<Shard<Key, Value>>, _ ids: Range<UInt32>, _ removals: inout Removals<Key, Value>,
    where isToGo: (Key, Value) throws(Failure) -> Bool
  ) throws(Failure) -> Int {
    if shard.pointee.reportsRemovals { removals.reserve(ids.count) }
    shard.pointee.lock.lock()
    shard.pointee.lock.borrower.store(ThisThread.number, ordering: .relaxed)
    defer {
      shard.pointee.lock.borrower.store(0, ordering: .relaxed)
      shard.pointee.lock.unlock()
    }
    let before = shard.pointee.policy.count
    try shard.pointee.removeAll(in: ids, .explicit, &removals, where: isToGo)
    return before - shard.pointee.policy.count
  }
}
