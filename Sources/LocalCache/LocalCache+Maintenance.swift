extension LocalCache {
  /// Removes entries that are over. The cache does this itself when it is written to and, while nobody uses it, from a task that wakes every few
  /// seconds; call it where memory has to be back at once. Takes time for what is over, not for all entries.
  public func removeExpired() {
    guard expires else { return }
    for index in 0...shardMask {
      let now = time.now
      // Some at a time, so that look-ups do not wait for all of them. All of one time, and those of the present once: otherwise what ends a little
      // later would be looked at again and again.
      var isFirst = true
      var more = true
      while more {
        let limit = 128
        var removals = Removals<Key, Value>()
        if shard(at: index).pointee.reportsRemovals { removals.reserve(Shard<Key, Value>.mostExpired(limit: limit)) }
        more = locked(shard(at: index)) { shard in
          shard.pointee.removeExpired(now: now, limit: limit, isThorough: isFirst, &removals)
        }
        isFirst = false
        report(removals)
        shard(at: index).pointee.lock.giveWay()
      }
    }
  }

  /// Time between two looks for expired entries: a sixteenth of the lifetime, between 1 and 60 seconds.
  private var sweepInterval: Duration {
    let lifetimes = [configuration.expiry.afterWrite, configuration.expiry.afterAccess].compactMap {
      $0
    }
    guard let shortest = lifetimes.min() else { return .seconds(5) }
    return min(max(shortest / 16, .seconds(1)), .seconds(60))
  }

  /// For who has written the first entry of a shard that can expire.
  @usableFromInline @inline(never)
  func startSweeping() {
    // A clock of somebody else's says when it is time; that of the system is the same for all caches.
    guard time.reading == nil else { return startSweepingByClock() }
    if sweeper?.begin() == true { sweepLater() }
  }

  private func sweepLater() { SharedAlarm.shared.call(after: sweepInterval) { [weak self] in self?.sweep() } }

  private func sweep() {
    removeExpired()
    balanceShares()
    if canAnyExpire { return sweepLater() }
    sweeper?.ended()
    // What came in between the two found the alarm still set.
    if canAnyExpire { startSweeping() }
  }

  private func startSweepingByClock() {
    let interval = sweepInterval
    let time = time
    sweeper?.start { [weak self, sweeper] in
      while true {
        do { try await time.sleep(for: interval) } catch { break }
        guard let self else { break }
        removeExpired()
        balanceShares()
        guard !canAnyExpire else { continue }
        sweeper?.ended()
        // What came in between the two found the task still running.
        if canAnyExpire { startSweeping() }
        return
      }
      sweeper?.ended()
    }
  }

  private var canAnyExpire: Bool {
    (0...shardMask).contains { index in locked(shard(at: index)) { $0.pointee.expiry.isAnyScheduled } }
  }
}
