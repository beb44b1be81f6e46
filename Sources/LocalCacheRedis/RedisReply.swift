#if Redis
  import CHiredis

  /// A reply, copied out of hiredis's memory.
  enum RedisReply: Sendable, Equatable {
    case none
    case status(String)
    case error(String)
    case integer(Int64)
    case bytes([UInt8])
    case array([RedisReply])

    /// Copies a reply of hiredis. Replies nest to a bounded depth there (9 levels); types it does not know are read as none.
    init(_ pointer: UnsafePointer<redisReply>) {
      let reply = pointer.pointee
      switch reply.type {
      case REDIS_REPLY_STATUS: self = .status(Self.text(reply))
      case REDIS_REPLY_ERROR: self = .error(Self.text(reply))
      case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
      case REDIS_REPLY_STRING: self = .bytes(Self.bytes(reply))
      case REDIS_REPLY_ARRAY:
        guard let elements = reply.element else {
          self = .array([])
          return
        }
        self = .array((0..<Int(clamping: reply.elements)).map { elements[$0].map { RedisReply($0) } ?? .none })
      default: self = .none
      }
    }

    private static func bytes(_ reply: redisReply) -> [UInt8] {
      guard let start = reply.str else { return [] }
      return Array(UnsafeRawBufferPointer(start: start, count: Int(clamping: reply.len)))
    }

    private static func text(_ reply: redisReply) -> String { String(decoding: bytes(reply), as: UTF8.self) }

    /// The bytes or the status as text.
    var text: String? {
      switch self {
      case .status(let text): text
      case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
      default: nil
      }
    }

    var elements: [RedisReply]? {
      if case .array(let elements) = self { return elements }
      return nil
    }
  }
#endif
