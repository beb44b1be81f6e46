extension LocalCache {
  /// The value of a key; if there is none, what the closure makes, which is then stored. For callers that are not asynchronous.
  ///
  /// ```swift
  /// let template = try templates.value(for: name) { try Template(named: name) }
  /// ```
  ///
  /// The closure runs in the calling thread, under no lock: it may use this cache, for other keys also in this way. However many threads ask for a key at the same
  /// time, one makes it; the others sleep until it is there, and get its value or its error. Tasks that ask by `value(for:load:)` meanwhile wait for it, too.
  ///
  /// A load that `value(for:load:)` has begun is not waited for, because it may need the very thread that would wait; the closure makes the value beside it, which
  /// counts as the newer one. A value that is set, or removed, while the key is being made is newer than what is made: that is returned, but not stored.
  ///
  /// Errors are remembered for `CacheLoading.failureLifetime`, here as there. `CacheLoading.refreshAfter` has no effect: there is no closure that could run later.
  /// A thread that waits does not notice that its task is cancelled. Where the closure waits for something, use `value(for:load:)`: a thread that sleeps is one
  /// less for Swift's tasks. Beside the closure some microseconds are spent; a hit is one of `get`.
  ///
  /// - Throws: what the closure throws; `LocalCacheError.reentrantLoad` where the closure asks for its own key, or for one that is made by a thread which waits for it;
  ///   `LocalCacheError.loadTimedOut` to who waits for another thread for longer than `CacheLoading.timeout`. What that one makes is then no longer stored.
  @inlinable
  public func value(for key: Key, make: () throws -> Value) throws -> Value {
    if let value = get(key) { return value }
    return try made(key, make)
  }

  @usableFromInline
  func made(_ key: Key, _ make: () throws -> Value) throws -> Value {
    while true {
      if let failure = loader.rememberedFailure(key) { throw failure }
      let (flight, isOurs) = loader.making(of: key)
      guard isOurs else {
        // A making always brings its key.
        if let value = try loader.wait(for: flight, key) { return value }
        continue
      }
      return try loader.make(
        flight, key, hash: hash(key), present: { present([key])[key] }, make: make,
        store: { store($0, for: key, lifetime: nil, pinned: nil, stamp: $1, isLoaded: true) })
    }
  }
}
