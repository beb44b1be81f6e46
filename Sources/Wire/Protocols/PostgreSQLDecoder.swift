/// PostgreSQL's protocol 3 in plain text (postgresql.org, "Frontend/Backend Protocol", message formats).
struct PostgreSQLDecoder: WireDecoder {
  enum Pending {
    /// Ended by ReadyForQuery.
    case simple(Exchange)
    /// Ended by CommandComplete and its kin.
    case execute(Exchange)
    case sync

    /// Changes what is known of the exchange.
    fileprivate mutating func update(_ body: (inout Exchange) -> Void) {
      switch self {
      case .simple(var exchange):
        body(&exchange)
        self = .simple(exchange)
      case .execute(var exchange):
        body(&exchange)
        self = .execute(exchange)
      case .sync: break
      }
    }
  }

  /// Messages before the log-in have no type.
  private var startup = FrameReader(headerSize: 4, keep: 8)
  private var requests = FrameReader(headerSize: 5, keep: Decoders.statementLimit)
  /// A tag such as `INSERT 0 12345678901` has to be kept whole: a number that is cut is a smaller number.
  private var answers = FrameReader(headerSize: 5, keep: 64)
  private var isStarting: Bool
  /// The answer to a request for encryption is one byte.
  private var awaitsEncryptionAnswer = false
  private(set) var pending = Backlog<Pending>()
  private var statements: [[UInt8]: Fingerprint] = [:]
  private var portals: [[UInt8]: Fingerprint] = [:]
  private var done: [Exchange] = []
  private static let mostNames = 1_000
  private static let mostPending = 10_000
  /// Names of statements and portals are told apart by as many bytes; drivers use a dozen. Longer ones only take memory.
  private static let longestName = 64

  init(isFromStart: Bool) { isStarting = isFromStart }

  private static func length(_ header: [UInt8]) -> Int? {
    let length = header.suffix(4).reduce(0) { $0 << 8 | Int($1) }
    return length >= 4 && length < 1 << 30 ? length - 4 : nil
  }

  mutating func client(_ bytes: ArraySlice<UInt8>, time: UInt64) throws(Opaque) {
    var bytes = bytes
    while isStarting, !bytes.isEmpty {
      // Byte by byte, so that nothing behind the message is read with it: what follows has a type.
      var frame: Frame?
      guard startup.read(bytes.prefix(1), length: Self.length, { frame = $0 }) else { throw .lost }
      bytes = bytes.dropFirst()
      if let frame {
        var reader = ByteReader(frame.payload[...])
        switch reader.big32() {
        case 80_877_103, 80_877_104: awaitsEncryptionAnswer = true
        case 80_877_102: return
        case let version? where version >> 16 == 3: isStarting = false
        default: throw .lost
        }
      }
    }
    guard !bytes.isEmpty else { return }
    var frames: [Frame] = []
    guard requests.read(bytes, length: Self.length, { frames.append($0) }) else { throw .lost }
    for frame in frames { try request(frame, time) }
  }

  static func key(_ name: ArraySlice<UInt8>) -> [UInt8] { Array(name.prefix(longestName)) }

  private mutating func request(_ frame: Frame, _ time: UInt64) throws(Opaque) {
    guard pending.count < Self.mostPending else { throw .lost }
    var reader = ByteReader(frame.payload[...])
    switch frame.header.first.map({ Character(UnicodeScalar($0)) }) {
    case "Q":
      let text = reader.zeroTerminated() ?? reader.rest
      pending.append(.simple(Exchange(statement: Fingerprint(sql: text, .postgresql), start: time, end: time)))
    case "P":
      guard let name = reader.zeroTerminated() else { return }
      let text = reader.zeroTerminated() ?? reader.rest
      if statements.count >= Self.mostNames { statements = [:] }
      statements[Self.key(name)] = Fingerprint(sql: text, .postgresql)
    case "B":
      guard let portal = reader.zeroTerminated(), let name = reader.zeroTerminated() else { return }
      var statement = statements[Self.key(name)] ?? Fingerprint(text: "EXECUTE (prepared before the capture)")
      statement.longestList = max(statement.longestList, PostgreSQLParameters.longestArray(reader))
      if portals.count >= Self.mostNames { portals = [:] }
      portals[Self.key(portal)] = statement
    case "E":
      guard let portal = reader.zeroTerminated() else { return }
      let statement = portals[Self.key(portal)] ?? Fingerprint(text: "EXECUTE (prepared before the capture)")
      pending.append(.execute(Exchange(statement: statement, start: time, end: time)))
    case "S": pending.append(.sync)
    case "C", "D", "H", "F", "X", "d", "c", "f", "p": break
    default: throw .lost
    }
  }

  mutating func server(_ bytes: ArraySlice<UInt8>, time: UInt64) throws(Opaque) {
    var bytes = bytes
    if awaitsEncryptionAnswer, let answer = bytes.first {
      awaitsEncryptionAnswer = false
      if answer == UInt8(ascii: "S") || answer == UInt8(ascii: "G") { throw .encrypted }
      bytes = bytes.dropFirst()
    }
    guard !bytes.isEmpty else { return }
    var frames: [Frame] = []
    guard answers.read(bytes, length: Self.length, { frames.append($0) }) else { throw .lost }
    for frame in frames { answer(frame, time) }
  }

  private mutating func answer(_ frame: Frame, _ time: UInt64) {
    guard !pending.isEmpty else { return }
    let kind = frame.header.first.map { Character(UnicodeScalar($0)) }
    if kind == "Z" {
      finishUntilSync(time)
      return
    }
    pending.updateOldest { oldest in
      oldest.update { exchange in
        exchange.bytes += UInt64(frame.length)
        if kind == "D" { exchange.addRows(1) }
        if kind == "E" { exchange.isError = true }
        if kind == "C", exchange.rows == 0 { exchange.rows = Self.affected(frame.payload) }
      }
    }
    // An error skips everything up to the next Sync, which ReadyForQuery ends.
    if case .execute(let exchange) = pending.oldest, let kind, "CIEs".contains(kind) {
      _ = pending.next()
      finish(exchange, time)
      if kind == "E" { while case .execute = pending.oldest { _ = pending.next() } }
    }
  }

  private mutating func finishUntilSync(_ time: UInt64) {
    while let first = pending.next() {
      switch first {
      case .simple(let exchange):
        finish(exchange, time)
        return
      case .execute: continue
      case .sync: return
      }
    }
  }

  private mutating func finish(_ exchange: Exchange, _ time: UInt64) {
    var exchange = exchange
    exchange.end = time
    done.append(exchange)
  }

  /// The count at the end of `INSERT 0 5`, `UPDATE 3`. Rows of SELECT were counted when they came.
  private static func affected(_ tag: [UInt8]) -> UInt64 {
    let text = String(decoding: tag.prefix { $0 != 0 }, as: UTF8.self)
    guard !text.hasPrefix("SELECT") else { return 0 }
    return text.split(separator: " ").last.flatMap { UInt64($0) } ?? 0
  }

  mutating func takeExchanges() -> [Exchange] {
    defer { done = [] }
    return done
  }
}

/// Parameters of a Bind message: `= ANY($1)` carries its list as one array.
enum PostgreSQLParameters {
  /// Elements of the longest array among the parameters; 0 where there is none.
  static func longestArray(_ reader: ByteReader) -> Int {
    var reader = reader
    guard let formats = reader.big16(), reader.skip(Int(formats) * 2), let count = reader.big16() else { return 0 }
    var longest = 0
    for _ in 0..<count {
      guard let size = reader.big32() else { return longest }
      guard size != .max else { continue }
      guard let value = reader.take(Int(size)) else { return longest }
      longest = max(longest, elements(value))
    }
    return longest
  }

  private static func elements(_ value: ArraySlice<UInt8>) -> Int {
    if value.first == UInt8(ascii: "{"), value.last == UInt8(ascii: "}") {
      return value.count == 2 ? 0 : value.count { $0 == UInt8(ascii: ",") } + 1
    }
    // Binary: dimensions (one), whether there are nulls, type of the elements, length.
    var reader = ByteReader(value)
    guard value.count >= 20, reader.big32() == 1, let nulls = reader.big32(), nulls <= 1, reader.skip(4),
      let length = reader.big32(), reader.skip(4), Int(length) <= value.count / 4
    else { return 0 }
    return Int(length)
  }
}
