#if Redis
  import LocalCache

  /// Messages of changes by client-side caching (Redis 6 and later) in its form for RESP2: one connection listens, and the connection that
  /// writes asks for the messages of its prefixes to be sent to that, except about its own writes (`CLIENT TRACKING ON REDIRECT id BCAST PREFIX p NOLOOP`).
  ///
  /// When either of the two breaks, messages are lost; each new start is therefore told as `began`.
  ///
  /// The server says nothing where a key is removed that it does not have, and nothing where it has no memory for a new value. Other processes may keep a value
  /// all the same, which the server could not take. So who removes a key publishes that too, on a channel of our own.
  final class RedisTracking: Sendable {
    private struct Subscriber {
      let prefix: String
      let handler: @Sendable (RemoteChange) -> Void
    }

    private struct State {
      var subscribers: [Int: Subscriber] = [:]
      var nextNumber = 0
      /// The connection that listens, as the server numbers it.
      var listener: Int64?
      /// Goes up when something has to be said anew.
      var version = 0
      /// What the present connection that writes has been told.
      var applied: Int?
      /// When the server, having refused that, is told again.
      var repeatAt: ContinuousClock.Instant?
      var isOn = false
    }

    private let state = Guarded(State())
    /// Held while subscribers are told, so that what they hear has an order.
    private let telling = Guarded(())
    private let connections = Guarded<[RedisConnection]>([])

    /// Those to be woken when there is something to do.
    func setConnections(_ connections: [RedisConnection]) { self.connections.withLock { $0 = connections } }

    /// Lets the connections go, which refer to this object.
    func stop() { setConnections([]) }

    private func wake() { for connection in connections.withLock({ $0 }) { connection.wake() } }

    var isWanted: Bool { state.withLock { !$0.subscribers.isEmpty } }

    func subscribe(_ prefix: String, _ handler: @escaping @Sendable (RemoteChange) -> Void) -> RemoteSubscription {
      let number = state.withLock { state in
        state.nextNumber += 1
        state.version += 1
        state.repeatAt = nil
        state.subscribers[state.nextNumber] = Subscriber(prefix: prefix, handler: handler)
        return state.nextNumber
      }
      wake()
      return RemoteSubscription { [weak self] in
        guard let self else { return }
        let changed = state.withLock { state in
          state.subscribers.removeValue(forKey: number) != nil
        }
        if changed { wake() }
      }
    }

    // MARK: The connection that listens

    static let channel = "__redis__:invalidate"
    static let ownChannel = "local-cache:removed"
    static let greeting = [["CLIENT", "ID"].words, ["SUBSCRIBE", channel].words]
    /// Behind the rest of the greeting, because messages may come at once. Access lists may know of the other channel only.
    static let wishes = [["SUBSCRIBE", ownChannel].words]

    /// What this object publishes begins with it, so that it does not heed what it says itself.
    private let origin = String(UInt64.random(in: .min ... .max), radix: 36)

    /// The command that tells others that a name was removed.
    func announcement(_ name: String) -> [[UInt8]] { ["PUBLISH", Self.ownChannel, "\(origin) \(name)"].words }

    func listenerGreeted(_ replies: [RedisReply]) throws(RemoteTierError) {
      guard case .integer(let number)? = replies.first else {
        throw .unavailable("no client number")
      }
      state.withLock { state in
        state.listener = number
        state.version += 1
        state.repeatAt = nil
      }
      wake()
    }

    func listenerClosed() {
      tellEnd { state in
        state.listener = nil
        state.version += 1
      }
    }

    /// A message names changed keys, or none when a whole database was emptied.
    func received(_ reply: RedisReply) {
      guard let parts = reply.elements, parts.count == 3, parts[0].text == "message" else { return }
      if parts[1].text == Self.ownChannel { return announced(parts[2].text ?? "") }
      guard parts[1].text == Self.channel else { return }
      telling.withLock { _ in
        let subscribers = state.withLock { Array($0.subscribers.values) }
        guard let keys = parts[2].elements?.compactMap(\.text) else {
          for subscriber in subscribers { subscriber.handler(.began) }
          return
        }
        for subscriber in subscribers { Self.tell(subscriber, keys) }
      }
    }

    private static func tell(_ subscriber: Subscriber, _ keys: [String]) {
      let names = keys.filter { $0.utf8.starts(with: subscriber.prefix.utf8) }
      if !names.isEmpty { subscriber.handler(.changed(names)) }
    }

    /// Somebody has removed a name.
    private func announced(_ text: String) {
      let parts = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0] != origin else { return }
      telling.withLock { _ in
        let subscribers = state.withLock { $0.isOn ? Array($0.subscribers.values) : [] }
        for subscriber in subscribers { Self.tell(subscriber, [String(parts[1])]) }
      }
    }

    // MARK: The connection that writes

    func preamble() -> RedisConnection.Preamble? {
      state.withLock { state in
        let isDue = state.repeatAt.map { .now >= $0 } ?? (state.applied != state.version)
        guard isDue, let listener = state.listener, !state.subscribers.isEmpty else { return nil }
        let version = state.version
        state.applied = version
        state.repeatAt = nil
        // Two caches of one name share their prefix, and the server wants each prefix once.
        let prefixes = Set(state.subscribers.values.map(\.prefix)).sorted()
        let on =
          ["CLIENT", "TRACKING", "ON", "REDIRECT", "\(listener)", "BCAST"] + prefixes.flatMap { ["PREFIX", $0] }
          + ["NOLOOP"]
        return RedisConnection.Preamble(commands: [["CLIENT", "TRACKING", "OFF"].words, on.words]) {
          [weak self] replies in self?.applied(version, replies)
        }
      }
    }

    private func applied(_ version: Int, _ replies: [RedisReply]) {
      guard replies.last == .status("OK") else { return refused(version) }
      telling.withLock { _ in
        let subscribers = state.withLock { state -> [Subscriber] in
          guard state.version == version else { return [] }
          state.isOn = true
          return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.handler(.began) }
      }
    }

    /// A server older than Redis 6 says no for ever; one that runs a script, or has lost the listener, says so for a while.
    private func refused(_ version: Int) {
      tellEnd { state in
        if state.version == version { state.repeatAt = .now + .seconds(1) }
      }
    }

    func writerClosed() {
      tellEnd { state in
        state.applied = nil
        state.repeatAt = nil
      }
    }

    private func tellEnd(_ change: (inout State) -> Void) {
      telling.withLock { _ in
        let subscribers = state.withLock { state -> [Subscriber] in
          change(&state)
          defer { state.isOn = false }
          return state.isOn ? Array(state.subscribers.values) : []
        }
        for subscriber in subscribers { subscriber.handler(.ended) }
      }
    }
  }
#endif
