#if Redis
  import LocalCache

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// A connection with a thread of its own, so that no thread of Swift's pool ever waits for a socket. Made anew by itself when it breaks.
  final class RedisConnection: Sendable {
    private let mailbox: RedisMailbox
    private let work: @Sendable () -> Void
    private let isRunning = Guarded(false)

    /// What sets a connection apart from others.
    struct Role: Sendable {
      /// Whether it is connected, and kept so, although nobody asks for anything.
      var isKept: @Sendable () -> Bool = { false }
      /// Commands of its start.
      var greeting: [[[UInt8]]] = []
      /// Further ones, which a server may refuse.
      var wishes: [[[UInt8]]] = []
      /// Their replies; throws where the connection is of no use.
      var greeted: @Sendable ([RedisReply]) throws(RemoteTierError) -> Void = { _ in }
      /// Takes messages, where the connection is one that is sent to.
      var received: (@Sendable (RedisReply) -> Void)?
      /// Commands that go before all others now, and who takes their replies.
      var preamble: @Sendable () -> Preamble? = { nil }
      /// It broke.
      var closed: @Sendable () -> Void = {}
    }

    struct Preamble: Sendable {
      let commands: [[[UInt8]]]
      let replied: @Sendable ([RedisReply]) -> Void
    }

    init(_ configuration: RedisConfiguration, role: Role = Role()) {
      let mailbox = RedisMailbox(maximum: configuration.maximumWaiting)
      self.mailbox = mailbox
      work = { RedisWorker(configuration, role, mailbox).run() }
      startIfMissing()
    }

    deinit { mailbox.stop() }

    /// Looks anew at what the role wants.
    func wake() {
      startIfMissing()
      mailbox.signal.wake()
    }

    /// Replies of commands that are sent together, errors among them.
    func run(_ commands: [[[UInt8]]]) async throws -> [RedisReply] {
      startIfMissing()
      let promise = RedisPromise<[RedisReply]>()
      return try await promise.value { mailbox.put(.commands(commands, promise)) }
    }

    func fill(_ fill: RedisFill) async throws -> Bool {
      startIfMissing()
      let promise = RedisPromise<Bool>()
      return try await promise.value { mailbox.put(.fill(fill, promise)) }
    }

    private final class Body: Sendable {
      let run: @Sendable () -> Void
      init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// The system may have had no thread to give when the connection was made. Until it has one every call runs into its time limit, which the cache
    /// survives.
    private func startIfMissing() { isRunning.withLock { if !$0 { $0 = Self.startThread(work) } } }

    /// Returns whether there is a thread.
    private static func startThread(_ run: @escaping @Sendable () -> Void) -> Bool {
      let body = Unmanaged.passRetained(Body(run)).toOpaque()
      #if canImport(Darwin)
        var thread: pthread_t?
        let result = pthread_create(&thread, nil, { RedisConnection.enter($0) }, body)
      #else
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, { RedisConnection.enter($0) }, body)
      #endif
      guard result == 0 else {
        Unmanaged<Body>.fromOpaque(body).release()
        return false
      }
      #if canImport(Darwin)
        if let thread { pthread_detach(thread) }
      #else
        pthread_detach(thread)
      #endif
      return true
    }

    private static func enter(_ body: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
      // hiredis writes to sockets that may be closed already; the signal of that would end the process.
      var set = sigset_t()
      sigemptyset(&set)
      sigaddset(&set, SIGPIPE)
      pthread_sigmask(SIG_BLOCK, &set, nil)
      guard let body else { return nil }
      Unmanaged<Body>.fromOpaque(body).takeRetainedValue().run()
      return nil
    }
  }

  /// Requests on their way to the thread of a connection.
  final class RedisMailbox: Sendable {
    private struct State {
      var waiting: [RedisRequest] = []
      var isStopped = false
    }
    let signal = WakeSignal()
    private let state = Guarded(State())
    private let maximum: Int

    init(maximum: Int) { self.maximum = max(1, maximum) }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    func stop() {
      state.withLock { $0.isStopped = true }
      signal.wake()
    }

    func put(_ request: RedisRequest) {
      let error = state.withLock { state -> RemoteTierError? in
        if state.isStopped { return .unavailable("the connection is closed") }
        guard state.waiting.count < maximum else { return .overloaded(waiting: state.waiting.count) }
        state.waiting.append(request)
        return nil
      }
      if let error { request.fail(error) } else { signal.wake() }
    }

    /// At most so many of those that wait, the oldest first.
    func take(_ limit: Int) -> [RedisRequest] {
      state.withLock { state in
        let count = min(max(0, limit), state.waiting.count)
        defer { state.waiting.removeFirst(count) }
        return Array(state.waiting.prefix(count))
      }
    }
  }
#endif
