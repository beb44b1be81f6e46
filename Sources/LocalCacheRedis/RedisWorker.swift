#if Redis
  import LocalCache

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// What the thread of a connection does: connect, send what is asked for without waiting for earlier replies, hand replies out in their order.
  final class RedisWorker {
    typealias Instant = ContinuousClock.Instant

    /// Commands that were sent and whose replies are to come.
    struct InFlight {
      let count: Int
      let since: Instant
      var replies: [RedisReply] = []
      let finish: (Result<[RedisReply], RemoteTierError>) -> Void
    }

    let configuration: RedisConfiguration
    private let tooLarge: RemoteTierError
    let role: RedisConnection.Role
    let mailbox: RedisMailbox
    var socket: RedisSocket?
    private var queue: [RedisRequest] = []
    private var inFlight: [InFlight] = []
    /// Nothing else may be sent until a transaction has been decided on.
    var isReserved = false
    private var retryAt = Instant.now
    private var pauses = 0
    private var lastError = RemoteTierError.unavailable("not connected")
    private var lastHeard = Instant.now
    private var pingSince: Instant?

    private static var window: Int { 512 }

    init(_ configuration: RedisConfiguration, _ role: RedisConnection.Role, _ mailbox: RedisMailbox) {
      self.configuration = configuration.reckonable
      tooLarge = RedisAnswerMeter(maximum: configuration.maximumAnswer).tooLarge
      self.role = role
      self.mailbox = mailbox
    }

    func run() {
      while !mailbox.isStopped { round() }
      close(.unavailable("the connection is closed"))
      repeat {
        for request in queue { request.fail(lastError) }
        queue = mailbox.take(.max)
      } while !queue.isEmpty
    }

    private func round() {
      queue += mailbox.take(Self.window - queue.count)
      if socket == nil {
        if queue.isEmpty, !role.isKept() { return waitForSignal(until: nil) }
        guard Instant.now >= retryAt else {
          // Nobody waits for a server that was gone a moment ago.
          for request in queue { request.fail(lastError) }
          queue = []
          return waitForSignal(until: role.isKept() ? retryAt : nil)
        }
      }
      do {
        if socket == nil { try connect() }
        try start()
        try exchange()
        try keepAlive()
      } catch {
        close(error)
      }
    }

    // MARK: Connecting

    private func connect() throws(RemoteTierError) {
      let deadline = Instant.now + configuration.connectTimeout
      socket = try RedisSocket(configuration)
      try waitForSocket(POLLOUT, until: deadline)
      try socket?.checkConnected()
      var commands = role.greeting
      if configuration.database != 0 { commands.insert(["SELECT", "\(configuration.database)"].words, at: 0) }
      if let password = configuration.password {
        commands.insert((["AUTH", configuration.user, password].compactMap { $0 }).words, at: 0)
      }
      let extra = commands.count - role.greeting.count
      commands += role.wishes
      for command in commands { try socket?.append(command) }
      var replies: [RedisReply] = []
      while replies.count < commands.count {
        try socket?.send()
        try waitForSocket(POLLIN, until: deadline)
        try socket?.receive()
        while replies.count < commands.count, let reply = try socket?.nextReply() { replies.append(reply) }
      }
      replies.removeLast(role.wishes.count)
      for case .error(let reason) in replies { throw .unavailable(reason) }
      try role.greeted(Array(replies.dropFirst(extra)))
      pauses = 0
      lastHeard = .now
    }

    /// Waits for the socket alone: during the start of a connection nothing else is done.
    private func waitForSocket(_ events: Int32, until deadline: Instant) throws(RemoteTierError) {
      guard let descriptor = socket?.descriptor else { return }
      while true {
        guard !mailbox.isStopped else { throw .unavailable("the connection is closed") }
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let left = Instant.now.duration(to: deadline)
        guard left > .zero else { throw .timedOut(after: configuration.connectTimeout) }
        // In short steps, so that the end of the process's cache is noticed.
        if poll(&entry, 1, min(left, .milliseconds(100)).pollMilliseconds) > 0 { return }
      }
    }

    private func close(_ error: RemoteTierError) {
      let wasOpen = socket != nil
      socket = nil
      // The answer that was being read is that of the first one; the others are not to take it for theirs.
      lastError = error == tooLarge ? .unavailable("the answer to another call was too large") : error
      isReserved = false
      pingSince = nil
      let lost = inFlight
      inFlight = []
      for (place, entry) in lost.enumerated() { entry.finish(.failure(place == 0 ? error : lastError)) }
      for request in queue { request.fail(lastError) }
      queue = []
      if wasOpen { role.closed() }
      let pause = min(configuration.reconnectPause * (1 << min(pauses, 6)), configuration.reconnectPause * 64)
      retryAt = .now + pause * Double.random(in: 0.75...1.25)
      pauses += 1
    }

    // MARK: Requests and replies

    /// Sends commands behind those that were sent before.
    func send(
      _ commands: [[[UInt8]]], _ finish: @escaping (Result<[RedisReply], RemoteTierError>) -> Void
    ) throws(RemoteTierError) {
      inFlight.append(InFlight(count: commands.count, since: .now, finish: finish))
      for command in commands { try socket?.append(command) }
    }

    /// Requests that go before all others that wait.
    func putFirst(_ requests: [RedisRequest]) { queue.insert(contentsOf: requests, at: 0) }

    private func start() throws(RemoteTierError) {
      guard !isReserved else { return }
      if let preamble = role.preamble() {
        try send(preamble.commands) { result in
          if case .success(let replies) = result { preamble.replied(replies) }
        }
      }
      var next = 0
      defer { queue.removeFirst(next) }
      while next < queue.count, inFlight.count < Self.window, !isReserved {
        let request = queue[next]
        next += 1
        if request.isAbandoned { continue }
        switch request {
        case .commands(let commands, let promise):
          try send(commands) { promise.resolve($0.mapError { $0 }) }
        case .fill(let fill, let promise):
          var fills = [(fill, promise)]
          // All fills that wait share one transaction.
          while next < queue.count, fills.count < 64, case .fill(let fill, let promise) = queue[next] {
            next += 1
            if !promise.isResolved { fills.append((fill, promise)) }
          }
          try begin(fills)
        }
      }
    }

    private func exchange() throws(RemoteTierError) {
      try socket?.send()
      // What came with the last reply of the start of the connection has been read already.
      while let reply = try socket?.nextReply() { try handOut(reply) }
      guard let descriptor = socket?.descriptor, let isUnsent = socket?.hasUnsentBytes else { return }
      let events = isUnsent ? POLLIN | POLLOUT : POLLIN
      let canStart = !queue.isEmpty && !isReserved && inFlight.count < Self.window
      let signal = mailbox.signal.poll(for: canStart ? .zero : Instant.now.duration(to: nextDeadline()))
      var entries = [pollfd(fd: descriptor, events: Int16(events), revents: 0), signal.entry]
      guard poll(&entries, 2, canStart ? 0 : signal.milliseconds) > 0 else { return }
      if entries[1].revents != 0 { mailbox.signal.clear() }
      guard entries[0].revents & ~Int16(POLLOUT) != 0 else { return }
      try socket?.receive()
      lastHeard = .now
      pingSince = nil
      while let reply = try socket?.nextReply() { try handOut(reply) }
    }

    private func handOut(_ reply: RedisReply) throws(RemoteTierError) {
      if let received = role.received { return received(reply) }
      guard !inFlight.isEmpty else { throw .unavailable("an answer that nobody asked for") }
      inFlight[0].replies.append(reply)
      guard inFlight[0].replies.count == inFlight[0].count else { return }
      let entry = inFlight.removeFirst()
      entry.finish(.success(entry.replies))
    }

    // MARK: Time

    private func nextDeadline() -> Instant {
      var deadline = Instant.now + .seconds(60)
      if let oldest = inFlight.first { deadline = min(deadline, oldest.since + configuration.answerTimeout) }
      if let pingSince { deadline = min(deadline, pingSince + configuration.answerTimeout) }
      if role.isKept(), pingSince == nil { deadline = min(deadline, lastHeard + configuration.pingInterval) }
      return deadline
    }

    /// Finds peers that are gone without a word.
    private func keepAlive() throws(RemoteTierError) {
      let now = Instant.now
      if let since = inFlight.first?.since ?? pingSince, now >= since + configuration.answerTimeout {
        throw .timedOut(after: configuration.answerTimeout)
      }
      guard role.isKept(), pingSince == nil, !isReserved, now >= lastHeard + configuration.pingInterval else { return }
      pingSince = now
      if role.received == nil {
        try send([["PING"].words]) { _ in }
      } else {
        try socket?.append(["PING"].words)
      }
    }

    private func waitForSignal(until deadline: Instant?) {
      var (entry, wait) = mailbox.signal.poll(for: deadline.map { Instant.now.duration(to: $0) } ?? .seconds(60))
      if poll(&entry, 1, wait) > 0 { mailbox.signal.clear() }
    }
  }

  extension Duration {
    /// Rounded up, so that a deadline has passed when `poll` returns.
    var pollMilliseconds: Int32 {
      let (seconds, attoseconds) = components
      guard seconds >= 0, attoseconds >= 0 else { return 0 }
      return Int32(clamping: min(seconds, 1_000_000) * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }
  }

  extension [String] {
    var words: [[UInt8]] { map { [UInt8]($0.utf8) } }
  }
#endif
