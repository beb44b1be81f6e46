import Synchronization

/// Loads in flight: at most one for each key, shared by all who ask, whether for that key or for many.
@usableFromInline
final class Loader<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  typealias Values = [Key: Value]

  /// How the values of a flight are loaded and kept.
  struct Work: Sendable {
    let load: @Sendable ([Key]) async throws -> Values
    /// What tells whether a key is written before its value is stored: asked before the load begins.
    var stamps: @Sendable ([Key]) -> LoadStamps<Key> = { _ in LoadStamps() }
    /// What is there already, and is not to be loaded: an earlier flight may have ended between the look-up of who asks and the beginning of this one.
    var present: @Sendable ([Key]) -> Values = { _ in [:] }
    /// Puts the values into the cache before anybody gets them, but for those of keys that were written meanwhile.
    let store: @Sendable (Values, LoadStamps<Key>) -> Void
    /// The load failed, or took too long.
    var failed: @Sendable () -> Void = {}
    /// The load has ended, if only long after its flight.
    var ended: @Sendable (LoadStamps<Key>) -> Void = { _ in }

    init(
      load: @escaping @Sendable ([Key]) async throws -> Values,
      store: @escaping @Sendable (Values, LoadStamps<Key>) -> Void
    ) {
      self.load = load
      self.store = store
    }
  }

  /// A failure that is remembered for a while.
  struct Failure {
    let error: any Error
    /// In time of the cache's clock.
    let begin: Duration
    let end: Duration

    /// A clock that went back ends it.
    func isOn(at now: Duration) -> Bool { begin <= now && now < end }
  }

  struct State {
    var flights: [Key: Flight<Key, Value>] = [:]
    /// What threads make at present: see `making`.
    var makings: [Key: Flight<Key, Value>] = [:]
    var timed = FlightQueue<Key, Value>()
    var failures = KeyNotes<Key, Failure>(maximum: 10_000)
    /// Keys whose refresh failed.
    var pauses: KeyNotes<Key, RefreshPause>
    var nextWaiter: UInt64 = 0
    var loads: UInt64 = 0
    var failed: UInt64 = 0
    /// Keys that somebody asked for while they were on their way.
    var joined: UInt64 = 0
    var time: Duration = .zero
  }

  let cache: String
  let settings: CacheLoading
  let time: CacheTime
  let state: Guarded<State>
  /// Loads on their way, those among them whose flight is over already: what they bring is no newer for that.
  @usableFromInline let flying = Atomic<Int>(0)
  /// Writes of keys that are being loaded.
  @usableFromInline let watch = WriteWatch()

  /// Whether a write may overtake a load.
  @inlinable @inline(__always)
  var isFlying: Bool { flying.load(ordering: .relaxed) != 0 }

  init(cache: String, settings: CacheLoading, time: CacheTime) {
    self.cache = cache
    self.settings = settings
    self.time = time
    // Those of a batch that fails find room beside others.
    state = Guarded(State(pauses: KeyNotes(maximum: 10_000 + min(max(settings.batchSize, 0), 1 << 20))))
  }

  func addStatistics(to result: inout CacheStatistics) {
    state.withLock { state in
      result.loads = state.loads
      result.failedLoads = state.failed
      result.loadTime = state.time
      result.joinedLoads = state.joined
    }
  }

  // MARK: Asking

  /// The value that the load gives.
  func value(for key: Key, _ work: Work) async throws -> Value {
    while true {
      if let failure = rememberedFailure(key) { throw failure }
      let flight = flight(for: key, work)
      let outcome = try await wait(for: flight) { .one(key, $0) }
      // A batch that had nothing for the key has ended; the next round loads the key by itself.
      if case .value(let value) = outcome { return value }
    }
  }

  /// The values that a loader of batches gives, in one call for those keys that nobody loads already.
  func values(for keys: [Key], _ work: Work) async throws -> Values {
    let parts = flights(for: keys, work)
    if parts.count == 1 { return try await values(of: parts[0]) }
    return try await withThrowingTaskGroup(of: Values.self) { group in
      for part in parts { group.addTask { [self] in try await values(of: part) } }
      return try await group.reduce(into: Values()) { all, values in all.merge(values) { _, new in new } }
    }
  }

  /// Keys, and the flight that is to bring them.
  private struct Part: Sendable {
    let flight: Flight<Key, Value>
    var keys: [Key]
  }

  /// What a flight brings of these keys. It may bring more: others', what nobody asked for, and what is older than a write that has come since it began.
  private func values(of part: Part) async throws -> Values {
    let all = try await wait(for: part.flight) { .all($0) }
    let wanted = Set(part.keys)
    return all.contains { !wanted.contains($0.key) } ? all.filter { wanted.contains($0.key) } : all
  }

  /// Loads in the background those keys that nobody loads already.
  ///
  /// - Parameter isPatient: whether keys wait whose refresh has just failed.
  func refresh(_ keys: [Key], isPatient: Bool = false, _ work: Work) { _ = background(keys, isPatient, work) }

  /// The same, and waits for its end.
  func refreshAndWait(_ keys: [Key], isPatient: Bool, _ work: Work) async {
    guard let flight = background(keys, isPatient, work, isExpected: true) else { return }
    _ = try? await wait(for: flight) { .all($0) }
  }

  private func background(
    _ keys: [Key], _ isPatient: Bool, _ work: Work, isExpected: Bool = false
  ) -> Flight<Key, Value>? {
    let now = time.sinceStart
    return state.withLock { state in
      let free = keys.filter { key in
        state.running(key) == nil && !(isPatient && state.pauses[key]?.isOn(at: now) == true)
      }
      guard !free.isEmpty else { return nil }
      let flight = start(free, .refresh, work, &state)
      if isExpected { flight.expected += 1 }
      return flight
    }
  }

  private func flight(for key: Key, _ work: Work) -> Flight<Key, Value> {
    let (flight, isWatchMissing) = state.withLock { state in
      let running = state.running(key)
      if running != nil { state.joined += 1 }
      let flight = running ?? start([key], .wanted, work, &state)
      flight.expected += 1
      return (flight, limitTime(of: flight, &state))
    }
    if isWatchMissing { watchTime() }
    return flight
  }

  /// The flights that bring these keys: those that are on their way, and one more for the rest.
  private func flights(for keys: [Key], _ work: Work) -> [Part] {
    let (parts, isWatchMissing) = state.withLock { state in
      var parts: [UInt64: Part] = [:]
      var free: [Key] = []
      for key in keys {
        guard let flight = state.running(key) else {
          free.append(key)
          continue
        }
        state.joined += 1
        parts[flight.number, default: Part(flight: flight, keys: [])].keys.append(key)
      }
      var all = Array(parts.values)
      if !free.isEmpty { all.append(Part(flight: start(free, .wanted, work, &state), keys: free)) }
      var isWatchMissing = false
      for part in all {
        part.flight.expected += 1
        if limitTime(of: part.flight, &state) { isWatchMissing = true }
      }
      return (all, isWatchMissing)
    }
    if isWatchMissing { watchTime() }
    return parts
  }

  /// The key was written or removed: who asks from now on is not given what a load that began before brings.
  @usableFromInline @inline(never)
  func detach(_ key: Key) {
    state.withLock { state in
      state.flights[key] = nil
      state.makings[key] = nil
    }
  }

  func detachAll() {
    state.withLock { state in
      state.flights = [:]
      state.makings = [:]
    }
  }

  func rememberedFailure(_ key: Key) -> (any Error)? {
    guard settings.failureLifetime != nil else { return nil }
    let now = time.sinceStart
    return state.withLock { state in
      guard let failure = state.failures[key] else { return nil }
      if failure.isOn(at: now) { return failure.error }
      state.failures.remove(key)
      return nil
    }
  }

  // MARK: Waiting

  /// Waits for a flight that this caller is expected by.
  private func wait<Answer: Sendable>(
    for flight: Flight<Key, Value>, as waiter: (CheckedContinuation<Answer, any Error>) -> Flight<Key, Value>.Waiter
  ) async throws -> Answer {
    let context = LoadContext.current
    if let context, !WaitGraph.begin(waitingFor: flight.number, from: context) {
      leave(flight, nil)
      throw LocalCacheError.reentrantLoad(cache: cache, key: flight.description)
    }
    defer { if let context { WaitGraph.end(waitingFor: flight.number, from: context) } }
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let waiter = waiter(continuation)
        let result = state.withLock { _ in
          flight.expected -= 1
          if flight.result == nil { flight.waiters[number] = waiter }
          return flight.result
        }
        if let result { return waiter.resume(with: result) }
        // Cancelled before it was among those who wait: the handler has run already and found nobody.
        if Task.isCancelled { leave(flight, number) }
      }
    } onCancel: {
      leave(flight, number)
    }
  }

  /// One who waits gives up. The last one to go takes the load with him.
  /// - Parameter number: of the waiter; nil for one who was expected only.
  private func leave(_ flight: Flight<Key, Value>, _ number: UInt64?) {
    let (waiter, task) = state.withLock { state -> (Flight<Key, Value>.Waiter?, Task<Void, Never>?) in
      var waiter: Flight<Key, Value>.Waiter?
      if let number {
        waiter = flight.waiters.removeValue(forKey: number)
        guard waiter != nil else { return (nil, nil) }
      } else {
        flight.expected -= 1
      }
      guard flight.isAbandoned else { return (waiter, nil) }
      end(flight, .failure(CancellationError()), &state)
      return (waiter, flight.task)
    }
    waiter?.resume(with: .failure(CancellationError()))
    task?.cancel()
  }

  // MARK: Flying

  private func start(
    _ keys: [Key], _ kind: Flight<Key, Value>.Kind, _ work: Work, _ state: inout State
  ) -> Flight<Key, Value> {
    let flight = Flight<Key, Value>(keys: keys, kind: kind)
    for key in keys { state.flights[key] = flight }
    flying.add(1, ordering: .relaxed)
    flight.task = Task.detached { [self] in await run(flight, work) }
    return flight
  }

  private func run(_ flight: Flight<Key, Value>, _ work: Work) async {
    defer { flying.subtract(1, ordering: .relaxed) }
    let begin = ContinuousClock.now
    // Who asked may have gone before this task got its turn.
    guard beginTime(of: flight, work.failed) else { return }
    let stamps = work.stamps(flight.keys)
    defer { work.ended(stamps) }
    let present = work.present(flight.keys)
    let missing = present.isEmpty ? flight.keys : flight.keys.filter { present[$0] == nil }
    guard !missing.isEmpty else { return end(flight, with: present) }
    let result: Result<Values, any Error>
    do {
      result = .success(
        try await LoadContext.$current.withValue(flight.number) { try await work.load(missing) })
    } catch {
      result = .failure(error)
    }
    guard !isOver(flight) else { return }
    // Before anybody hears of it.
    switch result {
    case .success(let values): work.store(values, stamps)
    case .failure: work.failed()
    }
    _ = finish(flight, result, ContinuousClock.now - begin, present: present)
  }

  /// The end of a flight for which nothing was to be loaded.
  func end(_ flight: Flight<Key, Value>, with values: Values) {
    let waiters = state.withLock { state -> [Flight<Key, Value>.Waiter] in
      guard flight.result == nil else { return [] }
      end(flight, .success(values), &state)
      return flight.takeWaiters()
    }
    for waiter in waiters { waiter.resume(with: .success(values)) }
  }

  func isOver(_ flight: Flight<Key, Value>) -> Bool { state.withLock { _ in flight.result != nil } }

  /// Ends a flight, unless it is over already, and hands out its result and what was there before. Returns its task if it did.
  func finish(
    _ flight: Flight<Key, Value>, _ result: Result<Values, any Error>, _ time: Duration, present: Values = [:]
  ) -> Task<Void, Never>? {
    let all = present.isEmpty ? result : result.map { $0.merging(present) { new, _ in new } }
    let waiters = state.withLock { state -> [Flight<Key, Value>.Waiter]? in
      guard flight.result == nil else { return nil }
      end(flight, all, &state)
      let asked = flight.keys.count - present.count
      switch result {
      case .success(let values):
        state.loads += UInt64(values.count)
        // Each key that was asked for has an equal share of the time; the shares of those that there is nothing for are of no load that gave a value.
        state.time += time * values.count / max(values.count, asked, 1)
        forgetFailures(flight, &state)
      case .failure(let error):
        state.failed += UInt64(asked)
        remember(error, of: flight, &state)
      }
      return flight.takeWaiters()
    }
    guard let waiters else { return nil }
    for waiter in waiters { waiter.resume(with: all) }
    return state.withLock { _ in flight.task }
  }

  private func end(_ flight: Flight<Key, Value>, _ result: Result<Values, any Error>, _ state: inout State) {
    flight.result = result
    flight.tookTooLong = nil
    state.timed.remove(flight)
    for key in flight.keys {
      if state.flights[key] === flight { state.flights[key] = nil }
      if state.makings[key] === flight { state.makings[key] = nil }
    }
  }

  private func forgetFailures(_ flight: Flight<Key, Value>, _ state: inout State) {
    for key in flight.keys {
      state.failures.remove(key)
      state.pauses.remove(key)
    }
  }

  /// The failure of a batch says nothing about any one of its keys.
  private func remember(_ error: any Error, of flight: Flight<Key, Value>, _ state: inout State) {
    if flight.kind == .refresh, let refreshAfter = settings.refreshAfter {
      let now = time.sinceStart
      for key in flight.keys {
        let pause = RefreshPause(from: now, after: refreshAfter, failedBefore: state.pauses[key])
        state.pauses.insert(pause, for: key) { $0.isOn(at: now) }
      }
    }
    guard let lifetime = settings.failureLifetime, flight.keys.count == 1, let key = flight.keys.first,
      !(error is CancellationError)
    else { return }
    let now = time.sinceStart
    let failure = Failure(error: error, begin: now, end: now + lifetime.reckonable)
    state.failures.insert(failure, for: key) { $0.isOn(at: now) }
  }
}
