/// Redis's RESP 2 and 3 (redis.io, "Redis serialization protocol specification").
struct RedisDecoder: WireDecoder {
  private var requests = RESPReader(keep: 256)
  private var answers = RESPReader(keep: 16)
  private(set) var pending = Backlog<Exchange>()
  private var done: [Exchange] = []
  /// After SUBSCRIBE or MONITOR answers come that nobody asked for.
  private var isPushed = false
  private static let mostPending = 10_000

  mutating func client(_ bytes: ArraySlice<UInt8>, time: UInt64) throws(Opaque) {
    var values: [RESPReader.Value] = []
    try requests.read(bytes, acceptsInline: true) { values.append($0) }
    for value in values {
      guard let statement = Fingerprint(redis: value) else { continue }
      if ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR"].contains(where: statement.text.hasPrefix) {
        isPushed = true
      }
      guard pending.count < Self.mostPending else { throw .lost }
      pending.append(Exchange(statement: statement, start: time, end: time))
    }
  }

  mutating func server(_ bytes: ArraySlice<UInt8>, time: UInt64) throws(Opaque) {
    var values: [RESPReader.Value] = []
    try answers.read(bytes, acceptsInline: false) { values.append($0) }
    guard !isPushed else { return }
    for value in values where value.kind != UInt8(ascii: ">") {
      guard var exchange = pending.next() else { continue }
      exchange.rows = value.rows
      exchange.bytes = UInt64(value.length)
      exchange.isError = value.kind == UInt8(ascii: "-") || value.kind == UInt8(ascii: "!")
      exchange.end = time
      done.append(exchange)
    }
  }

  mutating func takeExchanges() -> [Exchange] {
    defer { done = [] }
    return done
  }
}

/// Reads values of RESP as they come and keeps only their beginnings.
struct RESPReader {
  /// A whole value at the top.
  struct Value {
    var kind: UInt8
    /// The first strings inside, shortened.
    var strings: [String] = []
    /// Elements of an array, entries of a map, 1 for a single value that is there, 0 for null.
    var rows: UInt64 = 0
    var length = 0
  }

  private let keep: Int
  private var line: [UInt8] = []
  private var value: Value?
  /// Values still to come at each level.
  private var open: [Int] = []
  /// Bytes of a string, with its line end, that are still to come.
  private var missing = 0
  private var text: [UInt8] = []
  private var textLength = 0
  private static let longestLine = 64 << 10
  private static let deepest = 64
  private static let mostStrings = 3

  /// - Parameter keep: bytes of a string that are kept.
  init(keep: Int) { self.keep = keep }

  /// - Throws: `Opaque.lost` where it is no RESP.
  mutating func read(_ bytes: ArraySlice<UInt8>, acceptsInline: Bool, _ body: (Value) -> Void) throws(Opaque) {
    var bytes = bytes
    while !bytes.isEmpty {
      if missing > 0 {
        let part = bytes.prefix(missing)
        text += part.prefix(max(0, min(keep, textLength) - text.count))
        missing -= part.count
        value?.length += part.count
        bytes = bytes.dropFirst(part.count)
        if missing == 0 {
          addString(text)
          finishOne(body)
        }
        continue
      }
      guard let end = bytes.firstIndex(of: 10) else {
        line += bytes
        guard line.count <= Self.longestLine else { throw .lost }
        return
      }
      line += bytes[..<end]
      bytes = bytes[(end + 1)...]
      guard line.count <= Self.longestLine else { throw .lost }
      let complete = line
      line = []
      try readLine(complete, acceptsInline: acceptsInline, body)
    }
  }

  private mutating func readLine(_ raw: [UInt8], acceptsInline: Bool, _ body: (Value) -> Void) throws(Opaque) {
    let length = raw.count + 1
    let line = raw.last == 13 ? raw.dropLast() : raw[...]
    guard let kind = line.first else { return }
    if value == nil { value = Value(kind: kind) }
    value?.length += length
    let rest = line.dropFirst()
    switch Character(UnicodeScalar(kind)) {
    case "+", "-", ":", ",", "#", "(":
      setSingle(1)
      addString(Array(rest.prefix(keep)))
      finishOne(body)
    case "_":
      setSingle(0)
      finishOne(body)
    case "$", "!", "=":
      guard let count = Self.number(rest), count <= 1 << 30 else { throw .lost }
      setSingle(count < 0 ? 0 : 1)
      guard count >= 0 else { return finishOne(body) }
      text = []
      textLength = count
      missing = count + 2
    case "*", "~", ">", "%", "|":
      guard let count = Self.number(rest), count <= 1 << 24 else { throw .lost }
      let isMap = kind == UInt8(ascii: "%") || kind == UInt8(ascii: "|")
      if open.isEmpty { value?.rows = UInt64(max(count, 0)) }
      guard count > 0 else { return finishOne(body) }
      guard open.count < Self.deepest else { throw .lost }
      // An attribute comes before the value that it is of.
      open.append(count * (isMap ? 2 : 1) + (kind == UInt8(ascii: "|") ? 1 : 0))
    default:
      // A command typed by hand: words on a line.
      guard acceptsInline, open.isEmpty, line.allSatisfy({ $0 >= 32 && $0 < 127 }) else { throw .lost }
      let words = line.split(separator: 32)
      value?.rows = UInt64(words.count)
      for word in words { addString(Array(word.prefix(keep))) }
      finishOne(body)
    }
  }

  private mutating func setSingle(_ rows: UInt64) {
    if open.isEmpty { value?.rows = rows }
  }

  private mutating func addString(_ bytes: [UInt8]) {
    guard value?.strings.count ?? Self.mostStrings < Self.mostStrings else { return }
    value?.strings.append(String(decoding: bytes, as: UTF8.self))
  }

  /// A value has ended; with it perhaps those that it was the last of.
  private mutating func finishOne(_ body: (Value) -> Void) {
    while let left = open.last {
      if left > 1 {
        open[open.count - 1] = left - 1
        return
      }
      open.removeLast()
    }
    if let value { body(value) }
    value = nil
  }

  private static func number(_ text: ArraySlice<UInt8>) -> Int? {
    text.count <= 20 ? Int(String(decoding: text, as: UTF8.self)) : nil
  }
}
