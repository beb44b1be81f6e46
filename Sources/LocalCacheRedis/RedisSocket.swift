#if Redis
  import CHiredis
  import LocalCache

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// A connection of hiredis, used by one thread: the only place that touches hiredis's memory.
  ///
  /// The socket does not block; waiting is `poll`, with a deadline, here and nowhere else. (hiredis's own blocking calls limit each read, so that a
  /// server which sends a byte now and then would hold the thread for ever.)
  struct RedisSocket: ~Copyable {
    private let context: UnsafeMutablePointer<redisContext>
    private var meter: RedisAnswerMeter
    private(set) var hasUnsentBytes = false

    /// Begins to connect. Throws `RemoteTierError.unavailable`.
    init(_ configuration: RedisConfiguration) throws(RemoteTierError) {
      context = try Self.begin(configuration)
      meter = RedisAnswerMeter(maximum: configuration.maximumAnswer)
    }

    private static func begin(
      _ configuration: RedisConfiguration
    ) throws(RemoteTierError) -> UnsafeMutablePointer<redisContext> {
      let context: UnsafeMutablePointer<redisContext>? =
        switch configuration.address {
        case .tcp(let host, let port): redisConnectNonBlock(host, Int32(clamping: port))
        case .unix(let path): redisConnectUnixNonBlock(path)
        }
      guard let context else { throw .unavailable("no memory for a connection") }
      guard context.pointee.err == 0 else {
        defer { redisFree(context) }
        throw .unavailable("\(configuration.address): \(message(context))")
      }
      return context
    }

    deinit { redisFree(context) }

    var descriptor: Int32 { Int32(context.pointee.fd) }

    /// Whether a connection that has become writable really stands.
    func checkConnected() throws(RemoteTierError) {
      var error: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0, error == 0 else {
        throw .unavailable(String(cString: strerror(error == 0 ? errno : error)))
      }
    }

    /// Puts a command behind those that wait to be sent.
    mutating func append(_ command: [[UInt8]]) throws(RemoteTierError) {
      var request = Array("*\(command.count)\r\n".utf8)
      for word in command {
        request += "$\(word.count)\r\n".utf8
        request += word
        request += "\r\n".utf8
      }
      let result = request.withUnsafeBytes { bytes in
        redisAppendFormattedCommand(context, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
      }
      hasUnsentBytes = true
      guard result == REDIS_OK else { throw failure() }
    }

    /// Sends as much as the kernel takes now.
    mutating func send() throws(RemoteTierError) {
      var isDone: Int32 = 0
      repeat {
        let before = hasUnsentBytes
        guard redisBufferWrite(context, &isDone) == REDIS_OK else { throw failure() }
        hasUnsentBytes = isDone == 0
        if !before || isDone != 0 { return }
      } while isWritable()
    }

    /// Reads some of what has come.
    mutating func receive() throws(RemoteTierError) {
      do {
        try withUnsafeTemporaryAllocation(byteCount: 1 << 14, alignment: 1) { bytes in
          let count = recv(descriptor, bytes.baseAddress, bytes.count, 0)
          guard count >= 0 else {
            if [EAGAIN, EWOULDBLOCK, EINTR].contains(errno) { return }
            throw RemoteTierError.unavailable(String(cString: strerror(errno)))
          }
          guard count > 0 else { throw RemoteTierError.unavailable("the server has closed the connection") }
          let part = UnsafeRawBufferPointer(rebasing: bytes[..<count])
          try meter.add(part)
          let text = part.baseAddress?.assumingMemoryBound(to: CChar.self)
          guard redisReaderFeed(context.pointee.reader, text, count) == REDIS_OK else { throw failure() }
        }
      } catch let error as RemoteTierError { throw error } catch { throw failure() }
    }

    /// The next whole reply of those that have come, or nil.
    func nextReply() throws(RemoteTierError) -> RedisReply? {
      var pointer: UnsafeMutableRawPointer?
      guard redisReaderGetReply(context.pointee.reader, &pointer) == REDIS_OK else {
        let message = withUnsafeBytes(of: context.pointee.reader.pointee.errstr) { Self.text($0) }
        throw .unavailable("not the protocol of Redis: \(message)")
      }
      guard let pointer else { return nil }
      defer { freeReplyObject(pointer) }
      return RedisReply(pointer.assumingMemoryBound(to: redisReply.self))
    }

    private func isWritable() -> Bool {
      var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      return poll(&entry, 1, 0) == 1 && entry.revents & Int16(POLLOUT) != 0
    }

    private func failure() -> RemoteTierError { .unavailable(Self.message(context)) }

    private static func message(_ context: UnsafeMutablePointer<redisContext>) -> String {
      withUnsafeBytes(of: context.pointee.errstr) { text($0) }
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
#endif
