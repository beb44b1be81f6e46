#if Redis
  import LocalCache

  /// What somebody waits for: resolved once, by the connection's thread or by the cancellation of who waits.
  final class RedisPromise<Value: Sendable>: Sendable {
    private struct State {
      var continuation: CheckedContinuation<Value, any Error>?
      var result: Result<Value, any Error>?
    }
    private let state = Guarded(State())

    /// Whether nobody waits any more.
    var isResolved: Bool { state.withLock { $0.result != nil } }

    func resolve(_ result: Result<Value, any Error>) {
      let continuation = state.withLock { state -> CheckedContinuation<Value, any Error>? in
        guard state.result == nil else { return nil }
        state.result = result
        defer { state.continuation = nil }
        return state.continuation
      }
      continuation?.resume(with: result)
    }

    /// Waits for the result of what `start` sets going.
    func value(_ start: @Sendable () -> Void) async throws -> Value {
      try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
          let result = state.withLock { state -> Result<Value, any Error>? in
            if state.result == nil { state.continuation = continuation }
            return state.result
          }
          if let result { continuation.resume(with: result) } else { start() }
        }
      } onCancel: {
        resolve(.failure(CancellationError()))
      }
    }
  }

  /// Something to be done on a connection.
  enum RedisRequest: Sendable {
    /// Commands, sent together; the replies in their order, errors among them.
    case commands([[[UInt8]]], RedisPromise<[RedisReply]>)
    /// Storing under the condition that a lease still has its token.
    case fill(RedisFill, RedisPromise<Bool>)

    var isAbandoned: Bool {
      switch self {
      case .commands(_, let promise): promise.isResolved
      case .fill(_, let promise): promise.isResolved
      }
    }

    func fail(_ error: RemoteTierError) {
      switch self {
      case .commands(_, let promise): promise.resolve(.failure(error))
      case .fill(_, let promise): promise.resolve(.failure(error))
      }
    }
  }

  struct RedisFill: Sendable {
    let lease: [UInt8]
    let token: [UInt8]
    let command: [[UInt8]]
    /// How often another lease of its transaction has ended in the middle of it.
    var repetitions = 0
  }
#endif
