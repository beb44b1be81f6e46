/// Loads in flight: at most one for each key, shared by all who ask.
///
/// The load runs in a task of its own, so that the cancellation of one who waits does not touch the others. It is cancelled when nobody waits
/// any more, and when it takes too long. Every waiter is resumed exactly once: by the load's end, by its time limit, or by its own cancellation.
final class Loader<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private struct Flight {
    var waiters: [UInt64: CheckedContinuation<Value, any Error>] = [:]
    var task: Task<Void, Never>?
    let number: UInt64
    /// A refresh in the background goes on without anybody waiting.
    var isKept: Bool
  }

  private struct Failure {
    let error: any Error
    let until: ContinuousClock.Instant
  }

  private struct State {
    var flights: [Key: Flight] = [:]
    var failures: [Key: Failure] = [:]
    var nextNumber: UInt64 = 0
    var loads: UInt64 = 0
    var failed: UInt64 = 0
    var time: Duration = .zero
  }

  private let cache: String
  private let settings: CacheLoading
  private let state = Guarded(State())

  init(cache: String, settings: CacheLoading) {
    self.cache = cache
    self.settings = settings
  }

  func addStatistics(to result: inout CacheStatistics) {
    state.withLock { state in
      result.loads = state.loads
      result.failedLoads = state.failed
      result.loadTime = state.time
    }
  }

  func count(loads: Int, failed: Int, time: Duration) {
    state.withLock { state in
      state.loads += UInt64(loads)
      state.failed += UInt64(failed)
      state.time += time
    }
  }

  /// The value that the load gives. `store` puts it into the cache before anybody gets it.
  func value(
    for key: Key, _ load: @escaping @Sendable (Key) async throws -> Value,
    store: @escaping @Sendable (Value) -> Void
  ) async throws -> Value {
    if LoadContext.isLoading(key, in: self) {
      throw LocalCacheError.reentrantLoad(cache: cache, key: "\(key)")
    }
    if let failure = rememberedFailure(key) { throw failure }
    let waiter = newNumber()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
        join(key, waiter, continuation, load, store)
        // Cancelled between the look above and joining: the handler has run already and found nobody.
        if Task.isCancelled { leave(key, waiter) }
      }
    } onCancel: {
      leave(key, waiter)
    }
  }

  /// Loads in the background unless a load is on its way.
  func refresh(
    _ key: Key, _ load: @escaping @Sendable (Key) async throws -> Value,
    store: @escaping @Sendable (Value) -> Void,
    failed: @escaping @Sendable () -> Void = {}
  ) {
    state.withLock { state in
      guard state.flights[key] == nil else { return }
      state.nextNumber += 1
      var flight = Flight(number: state.nextNumber, isKept: true)
      flight.task = start(key, flight.number, load, store, failed)
      state.flights[key] = flight
    }
  }

  private func newNumber() -> UInt64 {
    state.withLock { state in
      state.nextNumber += 1
      return state.nextNumber
    }
  }

  private func rememberedFailure(_ key: Key) -> (any Error)? {
    guard settings.failureLifetime != nil else { return nil }
    return state.withLock { state in
      guard let failure = state.failures[key] else { return nil }
      if failure.until > .now { return failure.error }
      state.failures[key] = nil
      return nil
    }
  }

  private func join(
    _ key: Key, _ waiter: UInt64, _ continuation: CheckedContinuation<Value, any Error>,
    _ load: @escaping @Sendable (Key) async throws -> Value,
    _ store: @escaping @Sendable (Value) -> Void
  ) {
    state.withLock { state in
      if state.flights[key] == nil {
        state.nextNumber += 1
        var flight = Flight(number: state.nextNumber, isKept: false)
        flight.task = start(key, flight.number, load, store, {})
        state.flights[key] = flight
      }
      state.flights[key]?.waiters[waiter] = continuation
    }
  }

  /// One who waits gives up. The last one to go takes the load with him.
  private func leave(_ key: Key, _ waiter: UInt64) {
    let (continuation, task) = state.withLock {
      state -> (CheckedContinuation<Value, any Error>?, Task<Void, Never>?) in
      guard let continuation = state.flights[key]?.waiters.removeValue(forKey: waiter) else {
        return (nil, nil)
      }
      guard let flight = state.flights[key], flight.waiters.isEmpty, !flight.isKept else {
        return (continuation, nil)
      }
      state.flights[key] = nil
      return (continuation, flight.task)
    }
    continuation?.resume(throwing: CancellationError())
    task?.cancel()
  }

  private func start(
    _ key: Key, _ number: UInt64, _ load: @escaping @Sendable (Key) async throws -> Value,
    _ store: @escaping @Sendable (Value) -> Void, _ failed: @escaping @Sendable () -> Void
  ) -> Task<Void, Never> {
    let context = LoadContext(
      loader: ObjectIdentifier(self), key: AnyHashable(UncheckedKey(key)),
      outer: LoadContext.current)
    return Task.detached { [self] in
      let begin = ContinuousClock.now
      // The time limit is a task of its own: a load that does not heed cancellation would keep a task group waiting.
      let timer = settings.timeout.map { limit in
        Task.detached { [self] in
          do { try await Task.sleep(for: limit) } catch { return }
          let error = LocalCacheError.loadTimedOut(cache: cache, key: "\(key)", after: limit)
          finish(key, number, .failure(error), limit)?.cancel()
        }
      }
      let result: Result<Value, any Error>
      do {
        result = .success(try await LoadContext.$current.withValue(context) { try await load(key) })
      } catch {
        result = .failure(error)
      }
      timer?.cancel()
      if case .success(let value) = result, isCurrent(key, number) { store(value) }
      if case .failure = result { failed() }
      _ = finish(key, number, result, ContinuousClock.now - begin)
    }
  }

  private func isCurrent(_ key: Key, _ number: UInt64) -> Bool {
    state.withLock { $0.flights[key]?.number == number }
  }

  /// Ends a flight, if it is still the one of this number. Returns its task.
  @discardableResult
  private func finish(
    _ key: Key, _ number: UInt64, _ result: Result<Value, any Error>, _ time: Duration
  ) -> Task<Void, Never>? {
    let flight = state.withLock { state -> Flight? in
      guard let flight = state.flights[key], flight.number == number else { return nil }
      state.flights[key] = nil
      state.time += time
      switch result {
      case .success: state.loads += 1
      case .failure(let error):
        state.failed += 1
        if let lifetime = settings.failureLifetime, !(error is CancellationError) {
          if state.failures.count >= 10_000 {
            state.failures = state.failures.filter { $0.value.until > .now }
          }
          if state.failures.count < 10_000 {
            state.failures[key] = Failure(error: error, until: .now + lifetime)
          }
        }
      }
      return flight
    }
    guard let flight else { return nil }
    for continuation in flight.waiters.values { continuation.resume(with: result) }
    return flight.task
  }
}

private struct UncheckedKey<Key: Hashable & Sendable>: Hashable, Sendable {
  let key: Key
  init(_ key: Key) { self.key = key }
}

/// The loads that the current task runs in, innermost first: finds a loader that asks for what it is to load.
final class LoadContext: @unchecked Sendable {
  @TaskLocal static var current: LoadContext?
  private let loader: ObjectIdentifier
  private let key: AnyHashable
  private let outer: LoadContext?

  init(loader: ObjectIdentifier, key: AnyHashable, outer: LoadContext?) {
    self.loader = loader
    self.key = key
    self.outer = outer
  }

  static func isLoading<Key: Hashable & Sendable, Value>(_ key: Key, in loader: Loader<Key, Value>)
    -> Bool
  {
    let wanted = AnyHashable(UncheckedKey(key))
    var context = current
    while let present = context {
      if present.loader == ObjectIdentifier(loader), present.key == wanted { return true }
      context = present.outer
    }
    return false
  }
}
