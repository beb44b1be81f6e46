extension LocalCache {
  /// Removes entries that are over. The cache does this itself when it is written to and, while nobody uses it, from a task that wakes every few
  /// seconds; call it where memory has to be back at once. Takes time for what is over, not for all entries.
  public func removeExpired() {
    guard expires else { return }
    for index in 0...shardMask {
      var more = true
      // Some at a time, so that look-ups do not wait for all of them.
      while more {
        var removals = Removals<Key, Value>()
        more = locked(shard(at: index)) { $0.pointee.removeExpired(now: time.now, limit: 256, &removals) }
        report(removals)
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

  @usableFromInline
  func startSweeping() {
    guard !sweeper.isRunning else { return }
    let interval = sweepInterval
    let time = time
    sweeper.start { [weak self, sweeper] in
      while true {
        do { try await time.sleep(for: interval) } catch { break }
        guard let self else { break }
        removeExpired()
        balanceShares()
        if count == 0 { break }
      }
      sweeper.ended()
    }
  }
}
