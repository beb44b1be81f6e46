/// The way to a remote tier: limits every call in time, stops asking while the tier does not answer, and never throws.
final class TierGate: Sendable {
  enum Outcome<Value: Sendable>: Sendable {
    case answered(Value)
    case refused
    /// No answer, or not asked.
    case unavailable

    var value: Value? {
      if case .answered(let value) = self { return value }
      return nil
    }
  }

  let breaker: CircuitBreaker
  private let limit: Duration
  private let counters: TieredCounters
  private let probe: @Sendable () async throws -> Void
  private let recovered: Guarded<@Sendable () -> Void> = Guarded({})

  init(
    limit: Duration, breaker: BreakerSettings, counters: TieredCounters,
    probe: @escaping @Sendable () async throws -> Void
  ) {
    self.limit = limit
    self.breaker = CircuitBreaker(breaker)
    self.counters = counters
    self.probe = probe
  }

  /// Called each time the tier is found again.
  func onRecovery(_ action: @escaping @Sendable () -> Void) { recovered.withLock { $0 = action } }

  func run<Value: Sendable>(_ call: @escaping @Sendable () async throws -> Value) async -> Outcome<Value> {
    switch breaker.permit() {
    case .ask: break
    case .skip:
      counters.count(\.skippedCalls)
      return .unavailable
    case .skipAndProbe:
      counters.count(\.skippedCalls)
      sendProbe()
      return .unavailable
    }
    return await judge(limited(call))
  }

  private func judge<Value>(_ result: Result<Value, any Error>) -> Outcome<Value> {
    switch result {
    case .success(let value):
      breaker.succeeded()
      return .answered(value)
    case .failure(let error as RemoteTierError) where error.isAnswer:
      breaker.succeeded()
      counters.count(\.refusedCalls)
      return .refused
    case .failure(RemoteTierError.overloaded):
      // More at once than can wait. Those that do wait tell how the tier is.
      counters.count(\.failedCalls)
      return .unavailable
    case .failure(let error):
      if case RemoteTierError.timedOut = error { counters.count(\.timedOutCalls) }
      counters.count(\.failedCalls)
      breaker.failed()
      return .unavailable
    }
  }

  private func sendProbe() {
    Task.detached { [self] in
      switch await limited(probe) {
      case .success: found()
      case .failure(let error as RemoteTierError) where error.isAnswer: found()
      case .failure: breaker.failed(isProbe: true)
      }
    }
  }

  private func found() {
    guard breaker.succeeded() else { return }
    recovered.withLock { $0 }()
  }

  /// The call's result, or an error when its time is over. A call that does not heed cancellation is left behind.
  private func limited<Value: Sendable>(
    _ call: @escaping @Sendable () async throws -> Value
  ) async -> Result<Value, any Error> {
    let limit = limit
    return await withCheckedContinuation { continuation in
      let first = FirstResult<Value>(continuation)
      let task = Task.detached {
        do { first.resume(.success(try await call())) } catch { first.resume(.failure(error)) }
      }
      let timer = Task.detached {
        do { try await Task.sleep(for: limit) } catch { return }
        if first.resume(.failure(RemoteTierError.timedOut(after: limit))) { task.cancel() }
      }
      first.whenDone { timer.cancel() }
    }
  }
}

/// Resumes a continuation with the first of several results.
private final class FirstResult<Value: Sendable>: Sendable {
  private struct State {
    var continuation: CheckedContinuation<Result<Value, any Error>, Never>?
    var done: (@Sendable () -> Void)?
  }
  private let state: Guarded<State>

  init(_ continuation: CheckedContinuation<Result<Value, any Error>, Never>) {
    state = Guarded(State(continuation: continuation))
  }

  /// Whether it was the first.
  @discardableResult
  func resume(_ result: sending Result<Value, any Error>) -> Bool {
    let (continuation, done) = state.withLock { state in
      defer { (state.continuation, state.done) = (nil, nil) }
      return (state.continuation, state.done)
    }
    continuation?.resume(returning: result)
    done?()
    return continuation != nil
  }

  func whenDone(_ action: @escaping @Sendable () -> Void) {
    let isOver = state.withLock { state in
      if state.continuation != nil { state.done = action }
      return state.continuation == nil
    }
    if isOver { action() }
  }
}
