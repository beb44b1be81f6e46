#if Redis
  import LocalCache
  import Synchronization

  /// A Redis or Valkey server as the remote tier of a `TieredCache`.
  ///
  /// ```swift
  /// let redis = RedisTier(RedisConfiguration(host: "cache.internal"))
  /// let profiles = TieredCache<Int, Profile>(name: "profiles", limit: .bytes(.mebibytes(64)), remote: redis)
  /// ```
  ///
  /// One object serves any number of caches, and connects when it is first used. It needs no more than one server; clusters and TLS are not
  /// supported.
  public final class RedisTier: RemoteTier {
    private let readers: [RedisConnection]
    private let writer: RedisConnection
    private let listener: RedisConnection
    private let tracking: RedisTracking
    private let next = Atomic<Int>(0)
    /// What cannot be read again is not stored: whoever asked for it would lose the connection, with all that waits there.
    private let largestValue: Int
    private let parts: RedisParts
    private let tooLarge: RemoteTierError

    /// A tier on this server. Does not wait for it.
    public init(_ configuration: RedisConfiguration) {
      let tracking = RedisTracking()
      self.tracking = tracking
      largestValue = max(0, configuration.maximumAnswer - 1024)
      parts = RedisParts(maximum: configuration.maximumAnswer)
      tooLarge = RedisAnswerMeter(maximum: configuration.maximumAnswer).tooLarge
      readers = (0..<min(max(1, configuration.readConnections), 64)).map { _ in RedisConnection(configuration) }
      var writing = RedisConnection.Role()
      writing.isKept = { tracking.isWanted }
      writing.preamble = { tracking.preamble() }
      writing.closed = { tracking.writerClosed() }
      writer = RedisConnection(configuration, role: writing)
      var listening = RedisConnection.Role()
      listening.isKept = { tracking.isWanted }
      listening.greeting = RedisTracking.greeting
      listening.wishes = RedisTracking.wishes
      listening.greeted = { replies throws(RemoteTierError) in try tracking.listenerGreeted(replies) }
      listening.received = { tracking.received($0) }
      listening.closed = { tracking.listenerClosed() }
      listener = RedisConnection(configuration, role: listening)
      tracking.setConnections([listener, writer])
    }

    deinit { tracking.stop() }

    // MARK: RemoteTier

    public func get(_ names: [String]) async throws -> [[UInt8]?] {
      guard !names.isEmpty else { return [] }
      let reader = readers[next.add(1, ordering: .relaxed).oldValue & .max % readers.count]
      let parts = parts.divide(names)
      let size = parts.first?.count ?? 0
      do {
        let replies = try await reader.run(parts.map { ["MGET"].words + Array($0).words })
        guard replies.count == parts.count else { throw RemoteTierError.unavailable("no answer") }
        return try zip(parts, replies).flatMap { part, reply in try contents(reply, of: part.count) }
      } catch let error as RemoteTierError where error == tooLarge {
        self.parts.failed(names: size)
        throw error
      }
    }

    private func contents(_ reply: RedisReply, of names: Int) throws -> [[UInt8]?] {
      if case .error(let reason) = reply { throw RemoteTierError.refused(reason) }
      guard let elements = reply.elements, elements.count == names else {
        throw RemoteTierError.unavailable("an answer of another form than MGET has")
      }
      let contents = elements.map { element -> [UInt8]? in
        if case .bytes(let bytes) = element { return bytes }
        return nil
      }
      parts.answered(
        names: names, bytes: contents.reduce(0) { $0 + ($1?.count ?? 0) + RedisAnswerMeter.costOfElement })
      return contents
    }

    public func set(_ entries: [RemoteEntry]) async throws {
      guard !entries.isEmpty else { return }
      let fitting = entries.filter { $0.bytes.count <= largestValue }
      // Leases first: a fill that comes between would be of an older value.
      try await write([["DEL"].words + entries.map { Self.lease($0.name) }] + fitting.map(Self.command))
      for entry in entries { try checkSize(entry) }
    }

    private func checkSize(_ entry: RemoteEntry) throws {
      guard entry.bytes.count > largestValue else { return }
      throw RemoteTierError.refused(
        "\(entry.name.prefix(64)) has \(entry.bytes.count) bytes, more than maximumAnswer allows")
    }

    public func delete(_ names: [String]) async throws {
      guard !names.isEmpty else { return }
      let removal = ["DEL"].words + names.map(Self.lease) + names.words
      let replies = try await writer.run([removal] + names.map(tracking.announcement))
      // A server that lets nobody publish has removed them all the same.
      if case .error(let reason)? = replies.first { throw RemoteTierError.refused(reason) }
    }

    public func takeLease(of name: String, token: String, lifetime: Duration) async throws -> RemoteLease {
      let take = ["SET"].words + [Self.lease(name)] + [token, "NX", "PX", Self.milliseconds(lifetime)].words
      let replies = try await writer.run([take, ["GET", name].words])
      guard let taken = replies.first, let contents = replies.last else {
        throw RemoteTierError.unavailable("no answer")
      }
      if case .error(let reason) = taken { throw RemoteTierError.refused(reason) }
      guard taken == .status("OK") else { return .held }
      // An error: something of another kind lies there.
      if case .bytes(let bytes) = contents { return .taken(contents: bytes) }
      return .taken(contents: nil)
    }

    public func fill(_ entry: RemoteEntry, token: String) async throws -> Bool {
      try checkSize(entry)
      return try await writer.fill(
        RedisFill(lease: Self.lease(entry.name), token: Array(token.utf8), command: Self.command(entry)))
    }

    public func releaseLease(of name: String, token: String) async throws {
      let script = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
      try await write([["EVAL", script, "1"].words + [Self.lease(name), Array(token.utf8)]])
    }

    public func subscribe(
      prefix: String, _ handler: @escaping @Sendable (RemoteChange) -> Void
    ) -> RemoteSubscription? {
      tracking.subscribe(prefix, handler)
    }

    // MARK: Commands

    /// Runs commands on the connection that writes; throws the first error among the replies.
    @discardableResult
    private func write(_ commands: [[[UInt8]]]) async throws -> [RedisReply] {
      let replies = try await writer.run(commands)
      for case .error(let reason) in replies { throw RemoteTierError.refused(reason) }
      return replies
    }

    /// Leases lie outside the prefixes of the caches, so that nobody is told of them.
    private static func lease(_ name: String) -> [UInt8] { Array("~lease:\(name)".utf8) }

    private static func command(_ entry: RemoteEntry) -> [[UInt8]] {
      var words = ["SET", entry.name].words
      words.append(entry.bytes)
      if let lifetime = entry.lifetime { words += ["PX", milliseconds(lifetime)].words }
      return words
    }

    /// At least one: the server refuses less. At most some 30 years.
    private static func milliseconds(_ duration: Duration) -> String {
      let (seconds, attoseconds) = duration.components
      let bounded = min(max(seconds, 0), 1_000_000_000)
      return "\(max(1, bounded * 1000 + max(0, attoseconds) / 1_000_000_000_000_000))"
    }
  }
#endif
