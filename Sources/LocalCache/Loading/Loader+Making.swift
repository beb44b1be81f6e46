import CLocalCache

/// What threads make that cannot wait for a task: one thread makes the value of a key, others that ask for it sleep until it is there.
///
/// A thread never waits for a load of `value(for:load:)`. That may need a thread of Swift's pool, of which there is one a processor, and the one that asks may be
/// that, or an event loop, or the main thread, without which the load does not go on. So such a load and a making of one key may run beside each other. The other
/// way round there is no danger: who makes something has a thread, and tasks wait without one. So tasks that ask for a key which a thread makes wait for that.
///
/// Makings wait for makings only, and `WaitGraph` finds those that would wait for themselves.
extension Loader {
  /// Who makes the value of a key: another thread, or this one from now on, which has to call `make` then.
  func making(of key: Key) -> (flight: Flight<Key, Value>, isOurs: Bool) {
    state.withLock { state in
      if let running = state.making(key) {
        state.joined += 1
        return (running, false)
      }
      let flight = Flight<Key, Value>(keys: [key], kind: .making)
      state.makings[key] = flight
      flying.add(1, ordering: .relaxed)
      return (flight, true)
    }
  }

  /// Makes something in this thread, and hands the result to all who wait for it.
  ///
  /// - Parameters:
  ///   - present: a value that came in between; then nothing is made.
  ///   - store: is called before anybody gets the value, unless it comes too late.
  func make(
    _ flight: Flight<Key, Value>, _ key: Key, hash: UInt64, present: () -> Value?, make: () throws -> Value,
    store: (Value, UInt32) -> Void
  ) throws -> Value {
    defer { flying.subtract(1, ordering: .relaxed) }
    let outer = waiting
    // Nothing waits for what has just begun, so this is no circle.
    if let outer { _ = WaitGraph.begin(waitingFor: flight.number, from: outer) }
    defer { if let outer { WaitGraph.end(waitingFor: flight.number, from: outer) } }
    let outerMaking = localcache_making()
    localcache_set_making(flight.number)
    defer { localcache_set_making(outerMaking) }
    let stamp = watch.begin(hash)
    defer { watch.end(hash) }
    if let value = present() {
      end(flight, with: [key: value])
      return value
    }
    let begin = ContinuousClock.now
    do {
      let value = try make()
      // A load that began before it brings what is older.
      if !isOver(flight), let stamp = watch.supersede(hash, since: stamp) { store(value, stamp) }
      _ = finish(flight, .success([key: value]), ContinuousClock.now - begin)
      return value
    } catch {
      _ = finish(flight, .failure(error), ContinuousClock.now - begin)
      throw error
    }
  }

  /// Waits, in this thread, for what another one makes.
  ///
  /// - Throws: what it throws there; `LocalCacheError` if it takes too long, or would wait for this thread.
  func wait(for flight: Flight<Key, Value>, _ key: Key) throws -> Value? {
    let outer = waiting
    if let outer, !WaitGraph.begin(waitingFor: flight.number, from: outer) {
      throw LocalCacheError.reentrantLoad(cache: cache, key: flight.description)
    }
    defer { if let outer { WaitGraph.end(waitingFor: flight.number, from: outer) } }
    let thread = WaitingThread<Result<Values, any Error>>()
    let early = state.withLock { state in
      state.nextWaiter += 1
      if flight.result == nil { flight.waiters[state.nextWaiter] = .thread(thread) }
      return flight.result
    }
    if let result = early ?? thread.wait(settings.timeout) { return try result.get()[key] }
    let limit = settings.timeout ?? .zero
    let error = LocalCacheError.loadTimedOut(cache: cache, key: flight.description, after: limit)
    _ = finish(flight, .failure(error), limit)
    // Ended by this, or by who came first.
    return try thread.wait(nil)?.get()[key]
  }

  /// What cannot go on until this thread does: what it makes, or the load it runs.
  private var waiting: UInt64? { localcache_making() != 0 ? localcache_making() : LoadContext.current }
}

extension Loader.State {
  /// What is on its way for a key that a task may wait for.
  func running(_ key: Key) -> Flight<Key, Value>? { flights[key] ?? making(key) }

  /// The same for a thread.
  func making(_ key: Key) -> Flight<Key, Value>? {
    guard !makings.isEmpty, let making = makings[key], making.generation == localcache_generation() else { return nil }
    return making
  }
}
