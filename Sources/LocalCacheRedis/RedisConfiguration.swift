#if Redis
  import LocalCache

  /// Where a Redis or Valkey server is, and how to use it.
  public struct RedisConfiguration: Sendable, Hashable {
    /// Where a server listens.
    public enum Address: Sendable, Hashable, CustomStringConvertible {
      /// A host name or address, and a port.
      case tcp(host: String, port: Int)
      /// The path of a socket.
      case unix(path: String)

      public var description: String {
        switch self {
        case .tcp(let host, let port): "\(host):\(port)"
        case .unix(let path): path
        }
      }
    }

    /// Where the server listens.
    public var address: Address
    /// The user, on servers with access lists.
    public var user: String?
    /// The password, where one is needed.
    public var password: String?
    /// The number of the database. Messages of changes are the same for all databases.
    public var database = 0

    /// Connections for reading, each with a thread of its own; 64 at most. Calls are pipelined, so one does for most.
    public var readConnections = 1
    /// Time for connecting, with all that belongs to it.
    public var connectTimeout: Duration = .seconds(1)
    /// A connection whose oldest call has had no answer for so long is closed and made anew. The cache's own `timeLimit` is much shorter.
    public var answerTimeout: Duration = .seconds(2)
    /// The first pause after an attempt to connect that failed; doubles up to 64 times.
    public var reconnectPause: Duration = .milliseconds(50)
    /// Calls of one connection that may wait; more fail at once.
    public var maximumWaiting = 4096
    /// Bytes of memory that an answer may take: its contents, and 72 for each of its parts. A connection whose answer takes more is closed. Batches are asked
    /// for in smaller parts once their values have taken half of it or more. A value that is larger by itself is not stored.
    public var maximumAnswer = 64 << 20
    /// Connections on which nothing is said are tried this often, so that a peer that is gone without a word is noticed.
    public var pingInterval: Duration = .seconds(5)

    /// A server on a port.
    public init(host: String = "127.0.0.1", port: Int = 6379) { address = .tcp(host: host, port: port) }
    /// A server on a socket of this machine.
    public init(path: String) { address = .unix(path: path) }

    /// The same with times that can be reckoned with, whatever they were set to.
    var reckonable: RedisConfiguration {
      var result = self
      result.connectTimeout = connectTimeout.reckonable
      result.answerTimeout = answerTimeout.reckonable
      result.reconnectPause = max(reconnectPause.reckonable, .milliseconds(1))
      result.pingInterval = max(pingInterval.reckonable, .milliseconds(10))
      return result
    }
  }

  /// A configuration that is logged is not to give its password away.
  extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Server, database and user.
    public var description: String { "Redis at \(address), database \(database)" + (user.map { ", user \($0)" } ?? "") }
    /// The same.
    public var debugDescription: String { description }
    /// All but the password.
    public var customMirror: Mirror {
      Mirror(
        self,
        children: [
          "address": address, "user": user as Any, "database": database, "readConnections": readConnections,
          "connectTimeout": connectTimeout, "answerTimeout": answerTimeout, "reconnectPause": reconnectPause,
          "maximumWaiting": maximumWaiting, "maximumAnswer": maximumAnswer, "pingInterval": pingInterval,
        ])
    }
  }
#endif
