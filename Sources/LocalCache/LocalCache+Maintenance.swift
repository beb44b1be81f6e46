extension LocalCache {
  /// Removes entries that are over. The cache does this itself when it is written to and, while nobody uses it, from a task; call it where
  /// memory has to be back at once. Takes time for what is over, not for all entries.
  public func removeExpired() {
    guard expires else { return }
    let now = time.now
    for index in 0...shardMask {
      var removals = Removals<Key, Value>()
      locked(shard(at: index)) { $0.pointee.removeExpired(now: now, &removals) }
      report(removals)
    }
  }
  @usableFromInline @inline(__always)
  func startSweeping() {
  }
}
