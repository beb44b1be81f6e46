/// Statements by fingerprint, a bounded number of them.
struct StatementTable {
  struct Key: Hashable {
    var kind: WireProtocol
    var text: String
  }

  private var rows: [Key: WireReport.Statement] = [:]
  /// Calls of statements that came when the table was full.
  private(set) var otherCalls: UInt64 = 0
  static let most = 2_000

  mutating func add(_ exchange: Exchange, _ kind: WireProtocol) {
    let key = Key(kind: kind, text: exchange.statement.text)
    if rows[key] == nil {
      guard rows.count < Self.most else {
        otherCalls += 1
        return
      }
      rows[key] = WireReport.Statement(kind: kind, text: key.text)
    }
    rows[key]?.add(exchange)
  }

  /// Most bytes first.
  var sorted: [WireReport.Statement] {
    rows.values.sorted { ($0.bytes, $1.statement) > ($1.bytes, $0.statement) }
  }
}
