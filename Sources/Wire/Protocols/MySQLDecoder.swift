/// The protocol of MySQL and MariaDB in plain text (dev.mysql.com, "MySQL Client/Server Protocol"; mariadb.com/kb, "Client/Server Protocol").
struct MySQLDecoder: WireDecoder {
  private enum Phase {
    /// Greeting and log-in go on.
    case login
    /// The client may send a command.
    case idle
    /// The first packet of an answer is due.
    case answer
    /// Column definitions, so many more.
    case columns(Int)
    case rows
    /// The rest of an answer that holds no rows.
    case ignored
  }

  private var requests = FrameReader(headerSize: 4, keep: Decoders.statementLimit)
  private var answers = FrameReader(headerSize: 4, keep: 32)
  private var phase: Phase
  private var current: Exchange?
  private var isPreparing = false
  private var prepared: [UInt32: Fingerprint] = [:]
  private var lastPrepared: UInt32 = 0
  private var done: [Exchange] = []
  private var sawHello = false
  /// The next packet is the first one behind the columns.
  private var isFirstOfRows = false
  private static let mostPrepared = 1_000

  init(isFromStart: Bool) { phase = isFromStart ? .login : .idle }

  private static func length(_ header: [UInt8]) -> Int? {
    Int(header[0]) | Int(header[1]) << 8 | Int(header[2]) << 16
  }

  mutating func client(_ bytes: ArraySlice<UInt8>, time: UInt64) throws(Opaque) {
    var frames: [Frame] = []
    guard requests.read(bytes, length: Self.length, { frames.append($0) }) else { throw .lost }
    for frame in frames { try request(frame, time) }
  }

  private mutating func request(_ frame: Frame, _ time: UInt64) throws(Opaque) {
    if case .login = phase {
      try login(frame)
      return
    }
    // Number 0 begins a command; later ones go on with it (LOAD DATA, very long statements).
    guard frame.header.last == 0, let command = frame.payload.first else { return }
    let text = frame.payload.dropFirst()
    isPreparing = false
    switch command {
    case 0x03: begin(Fingerprint(sql: Self.withoutAttributes(text), .mysql), time)
    case 0x16:
      begin(Fingerprint(sql: text, .mysql), time)
      isPreparing = true
    case 0x17:
      var reader = ByteReader(text)
      let id = reader.little32() ?? 0
      // MariaDB: all ones stand for what was prepared last.
      begin(
        prepared[id == .max ? lastPrepared : id] ?? Fingerprint(text: "EXECUTE (prepared before the capture)"), time)
    case 0x01, 0x18, 0x19:
      // No answer comes.
      phase = .ignored
    case 0x02: begin(Fingerprint(text: "USE ?"), time)
    case 0x1c: begin(Fingerprint(text: "FETCH"), time)
    case 0x00...0x1f:
      current = nil
      phase = .ignored
    default: throw .lost
    }
  }

  private mutating func login(_ frame: Frame) throws(Opaque) {
    guard !sawHello, frame.payload.count >= 4 else { return }
    sawHello = true
    var reader = ByteReader(frame.payload[...])
    let capabilities = reader.little32() ?? 0
    if capabilities & 0x800 != 0 && frame.length == 36 { throw .encrypted }
    if capabilities & 0x20 != 0 { throw .compressed }
  }

  /// MySQL 8 may put attributes before the text: none of them, in one set.
  private static func withoutAttributes(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    text.starts(with: [0, 1]) ? text.dropFirst(2) : text
  }

  private mutating func begin(_ statement: Fingerprint, _ time: UInt64) {
    current = Exchange(statement: statement, start: time, end: time)
    phase = .answer
  }

  mutating func server(_ bytes: ArraySlice<UInt8>, time: UInt64) throws(Opaque) {
    var frames: [Frame] = []
    guard answers.read(bytes, length: Self.length, { frames.append($0) }) else { throw .lost }
    for frame in frames { try answer(frame, time) }
  }

  private mutating func answer(_ frame: Frame, _ time: UInt64) throws(Opaque) {
    let first = frame.payload.first
    current?.bytes += UInt64(frame.length)
    switch phase {
    case .login:
      // OK ends the log-in, an error the connection.
      if first == 0x00, frame.header.last != 0 { phase = .idle }
    case .idle, .ignored: break
    case .answer:
      switch first {
      case 0xff: finish(time, isError: true)
      case 0x00: acknowledge(frame, time)
      case 0xfb: phase = .ignored
      case nil: throw .lost
      default:
        guard let columns = Self.number(frame.payload[...])?.value, columns > 0, columns <= 4_096 else { throw .lost }
        phase = .columns(Int(columns))
      }
    case .columns(let left):
      phase = left > 1 ? .columns(left - 1) : .rows
      isFirstOfRows = true
    case .rows: row(frame, time)
    }
  }

  private mutating func row(_ frame: Frame, _ time: UInt64) {
    let payloadLength = frame.length - 4
    let isFirst = isFirstOfRows
    isFirstOfRows = false
    switch frame.payload.first {
    case 0xff: finish(time, isError: true)
    // EOF: five bytes. Between columns and rows where the client is an old one, and after the rows.
    case 0xfe where payloadLength == 5:
      let status = frame.payload.count >= 5 ? UInt16(frame.payload[3]) | UInt16(frame.payload[4]) << 8 : 0
      // The first packet behind the columns: the separator of an old client. A result without rows ends with a second one.
      if isFirst { return }
      end(status, time)
    // OK with another first byte, where the client knows it.
    case 0xfe where payloadLength < 0xff_ffff && payloadLength >= 7:
      end(Self.status(frame.payload.dropFirst()), time)
    default: current?.addRows(1)
    }
  }

  private mutating func acknowledge(_ frame: Frame, _ time: UInt64) {
    if isPreparing {
      var reader = ByteReader(frame.payload.dropFirst())
      if let id = reader.little32(), let statement = current?.statement {
        if prepared.count >= Self.mostPrepared { prepared = [:] }
        prepared[id] = statement
        lastPrepared = id
      }
      // Preparing is no call; what follows describes parameters and columns.
      current = nil
      phase = .ignored
      return
    }
    let rest = frame.payload.dropFirst()
    current?.addRows(Self.number(rest)?.value ?? 0)
    end(Self.status(rest), time)
  }

  /// - Parameter status: server status flags; 8 says that another result follows.
  private mutating func end(_ status: UInt16, _ time: UInt64) {
    if status & 8 != 0 { phase = .answer } else { finish(time, isError: false) }
  }

  private mutating func finish(_ time: UInt64, isError: Bool) {
    phase = .idle
    guard var exchange = current else { return }
    current = nil
    exchange.isError = isError
    exchange.end = time
    done.append(exchange)
  }

  /// The flags of an OK packet: after two numbers.
  private static func status(_ payload: ArraySlice<UInt8>) -> UInt16 {
    guard let (_, first) = number(payload), let (_, second) = number(payload.dropFirst(first)) else { return 0 }
    var reader = ByteReader(payload.dropFirst(first + second))
    return reader.little16() ?? 0
  }

  /// A length-encoded integer, and the bytes it takes.
  private static func number(_ bytes: ArraySlice<UInt8>) -> (value: UInt64, size: Int)? {
    var reader = ByteReader(bytes)
    guard let first = reader.byte() else { return nil }
    switch first {
    case 0xfc: return reader.little16().map { (UInt64($0), 3) }
    case 0xfd:
      return reader.take(3).map { ($0.reversed().reduce(0) { $0 << 8 | UInt64($1) }, 4) }
    case 0xfe: return reader.little64().map { ($0, 9) }
    case 0xfb, 0xff: return nil
    default: return (UInt64(first), 1)
    }
  }

  mutating func takeExchanges() -> [Exchange] {
    defer { done = [] }
    return done
  }
}
