/// One TCP connection to the port that is looked at.
struct WireConnection {
  private var toServer = TCPStream()
  private var toClient = TCPStream()
  private var decoder: (any WireDecoder)?
  private(set) var kind: WireProtocol?
  /// Whether the next bytes are the first ones of the connection.
  private var isFromStart = false
  private(set) var opaque: Opaque?
  private(set) var resynchronisations: UInt64 = 0
  /// Number of the last packet.
  var used: UInt64 = 0

  init(kind: WireProtocol?) { self.kind = kind }

  /// - Returns: statements that were answered.
  mutating func add(_ segment: Segment, isFromClient: Bool, time: UInt64) -> [Exchange] {
    if segment.isSYN, isFromClient {
      self = WireConnection(kind: kind)
      isFromStart = true
    }
    let events = isFromClient ? toServer.add(segment) : toClient.add(segment)
    for event in events {
      switch event {
      case .gap: lose()
      case .bytes(let bytes):
        guard opaque == nil else { continue }
        do throws(Opaque) { try feed(bytes, isFromClient, time) } catch {
          if error == .lost { lose() } else { opaque = error }
        }
      }
    }
    return decoder?.takeExchanges() ?? []
  }

  /// Out of step: the next request that looks like one begins anew.
  private mutating func lose() {
    if decoder != nil { resynchronisations += 1 }
    decoder = nil
    isFromStart = false
  }

  private mutating func feed(_ bytes: ArraySlice<UInt8>, _ isFromClient: Bool, _ time: UInt64) throws(Opaque) {
    if decoder == nil {
      // In the middle of a connection only a request is a place to begin.
      guard isFromClient || isFromStart else { return }
      guard let guess = try Decoders.guess(bytes, isClient: isFromClient), guess == kind ?? guess else { return }
      kind = guess
      // PostgreSQL's first message looks like no other, whether or not packets before it were seen.
      let isStart = isFromStart || guess == .postgresql && isFromClient && bytes.first == 0
      decoder = Decoders.make(guess, isFromStart: isStart)
      isFromStart = false
    }
    if isFromClient { try decoder?.client(bytes, time: time) } else { try decoder?.server(bytes, time: time) }
  }
}
