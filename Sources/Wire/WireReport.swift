/// What `memwhy wire` says: a file format (docs/wire.md). Bytes, seconds.
public struct WireReport: Codable, Sendable, Hashable {
  public struct Statement: Codable, Sendable, Hashable {
    public var kind: WireProtocol
    /// With literals and lists folded.
    public var statement: String
    public var calls: UInt64 = 0
    public var errors: UInt64 = 0
    /// Rows answered, or rows changed.
    public var rows: UInt64 = 0
    /// Bytes of all answers, and of the largest one.
    public var bytes: UInt64 = 0
    public var largestAnswer: UInt64 = 0
    /// Elements of the longest list in a call.
    public var longestList: Int = 0
    /// From request to the end of the answer.
    public var totalSeconds = 0.0
    public var slowestSeconds = 0.0

    init(kind: WireProtocol, text: String) {
      self.kind = kind
      statement = text
    }

    mutating func add(_ exchange: Exchange) {
      calls += 1
      errors += exchange.isError ? 1 : 0
      rows = rows.addingClamped(exchange.rows)
      bytes = bytes.addingClamped(exchange.bytes)
      largestAnswer = max(largestAnswer, exchange.bytes)
      longestList = max(longestList, exchange.statement.longestList)
      let seconds = exchange.end > exchange.start ? Double(exchange.end - exchange.start) / 1e9 : 0
      totalSeconds += seconds
      slowestSeconds = max(slowestSeconds, seconds)
    }
  }

  public static let currentSchemaVersion = 1
  public var schemaVersion = currentSchemaVersion
  /// An interface, or a file.
  public var source: String
  public var port: UInt16
  public var seconds = 0.0
  public var packets: UInt64 = 0
  public var payloadBytes: UInt64 = 0
  /// Packets that the kernel dropped because memwhy was too slow.
  public var missedPackets: UInt64 = 0
  public var connections: UInt64 = 0
  public var encryptedConnections: UInt64 = 0
  public var compressedConnections: UInt64 = 0
  /// Times that a connection was lost track of and picked up again.
  public var resynchronisations: UInt64 = 0
  /// Most bytes first.
  public var statements: [Statement] = []
  /// Calls beyond the statements that are kept apart.
  public var otherCalls: UInt64 = 0
  public var remarks: [String] = []
}
