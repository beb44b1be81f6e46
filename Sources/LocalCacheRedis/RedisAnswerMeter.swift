#if Redis
  import LocalCache

  /// Reckons what an answer takes in memory while it comes, before the parser of hiredis sees it: that one makes room for as many elements as an answer
  /// announces, takes 64 bytes for each that comes, and has no limit for either. ("*2000000000" alone are 16 GB, which are looked through when they are let go.)
  ///
  /// Follows the frames of RESP2 and nothing else: lines of five kinds, and lengths. Contents are skipped.
  struct RedisAnswerMeter {
    private enum State {
      /// Before the byte that says of what kind the next part is.
      case start
      /// In a line; with the number that it consists of as far as it has come.
      case line(kind: UInt8, number: Int, isNegative: Bool)
      /// In the content of a string, and so many bytes before its end.
      case content(left: Int)
    }

    private let maximum: Int
    private var state = State.start
    /// Parts of the present answer that are still to come.
    private var pending = 0
    private var cost = 0

    /// What hiredis takes for each part, and for the place of each element.
    private static let costOfPart = 64
    private static let costOfPlace = 8
    /// Of an element of an answer, beside its content.
    static var costOfElement: Int { costOfPart + costOfPlace }

    init(maximum: Int) { self.maximum = max(1024, maximum) }

    /// The next bytes of the connection. Throws `RemoteTierError.unavailable` where they make an answer too large, or are none.
    mutating func add(_ bytes: UnsafeRawBufferPointer) throws(RemoteTierError) {
      var index = 0
      while index < bytes.count {
        switch state {
        case .start:
          try beginPart(bytes[index])
          index += 1
        case .line(let kind, let number, let isNegative):
          try take(1)
          try goOn(kind, number, isNegative, with: bytes[index])
          index += 1
        case .content(let left):
          let skipped = min(left, bytes.count - index)
          index += skipped
          state = .content(left: left - skipped)
          if skipped == left { endPart() }
        }
      }
    }

    private mutating func beginPart(_ kind: UInt8) throws(RemoteTierError) {
      guard Array("+-:$*".utf8).contains(kind) else {
        throw .unavailable("not the protocol of Redis: an answer begins with the byte \(kind)")
      }
      if pending == 0 {
        pending = 1
        cost = 0
      }
      try take(Self.costOfPart)
      state = .line(kind: kind, number: 0, isNegative: false)
    }

    private mutating func goOn(_ kind: UInt8, _ number: Int, _ isNegative: Bool, with byte: UInt8)
      throws(RemoteTierError)
    {
      let isLength = kind == UInt8(ascii: "$") || kind == UInt8(ascii: "*")
      switch byte {
      case UInt8(ascii: "\n"): try endLine(kind, isNegative || !isLength ? 0 : number, isNegative)
      case UInt8(ascii: "0")...UInt8(ascii: "9") where isLength:
        // Of more digits than any length has.
        guard number <= .max / 16 else { throw tooLarge }
        state = .line(kind: kind, number: number * 10 + Int(byte - UInt8(ascii: "0")), isNegative: isNegative)
      case UInt8(ascii: "-") where isLength: state = .line(kind: kind, number: number, isNegative: true)
      default: break
      }
    }

    private mutating func endLine(_ kind: UInt8, _ length: Int, _ isNegative: Bool) throws(RemoteTierError) {
      switch kind {
      case UInt8(ascii: "$") where !isNegative:
        try take(length)
        state = .content(left: length + 2)
      case UInt8(ascii: "*") where length > 0:
        guard length <= maximum / Self.costOfPlace else { throw tooLarge }
        try take(length * Self.costOfPlace)
        pending += length
        endPart()
      default: endPart()
      }
    }

    private mutating func endPart() {
      pending -= 1
      state = .start
    }

    private mutating func take(_ amount: Int) throws(RemoteTierError) {
      guard amount <= maximum - cost else { throw tooLarge }
      cost += amount
    }

    /// What says so.
    var tooLarge: RemoteTierError { .unavailable("an answer takes more than \(maximum) bytes") }
  }
#endif
