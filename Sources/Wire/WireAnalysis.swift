/// Packets in, statements out. Memory is bounded: at most `mostConnections` are followed, each with the beginnings of what is under way.
public struct WireAnalysis {
  private struct Flow: Hashable {
    var client: Endpoint
    var server: Endpoint
  }

  private let port: UInt16
  private let kind: WireProtocol?
  private var connections: [Flow: WireConnection] = [:]
  private var statements = StatementTable()
  private var report: WireReport
  private var firstTime: UInt64?
  private var lastTime: UInt64 = 0
  /// Packets by port, of the first `mostConnections` ports that are seen while none is of the one that is asked for.
  private var otherPorts: [UInt16: UInt64] = [:]
  /// Only connections of these client ends; nil for all.
  public var clients: Set<UInt16>?
  static let mostConnections = 1_024

  /// - Parameters:
  ///   - source: an interface or a file, for the report.
  ///   - kind: the protocol, where it need not be guessed.
  public init(source: String, port: UInt16, kind: WireProtocol? = nil) {
    self.port = port
    self.kind = kind
    report = WireReport(source: source, port: port)
  }

  /// Reads a capture to its end.
  /// - Throws: `WireError`.
  public mutating func read(path: String, progress: (UInt64) -> Void = { _ in }) throws(WireError) {
    let file = try CaptureFile(path: path)
    while let packet = try file.next() {
      if let ip = LinkLayer.ip(packet.bytes, type: packet.link) { add(ip: ip, time: packet.time) }
      if report.packets & 0xfff == 0 { progress(report.packets) }
    }
    if report.packets == 0, !otherPorts.isEmpty {
      // A database's port is in every packet, a client's in those of one connection.
      let ports = otherPorts.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(3).map { "\($0.key)" }
      remark("nothing in it is of port \(port); most of it is of the ports \(ports.joined(separator: ", "))")
    }
    if file.isTruncated { remark("the capture ends in the middle of a packet") }
  }

  /// - Parameters:
  ///   - packet: from the IP header on.
  ///   - time: nanoseconds.
  public mutating func add(ip packet: ArraySlice<UInt8>, time: UInt64) {
    guard let segment = Segment(ip: packet) else { return }
    let isFromClient = segment.destination.port == port
    guard isFromClient || segment.source.port == port else {
      if report.packets == 0 { countOther(segment) }
      return
    }
    let flow =
      isFromClient
      ? Flow(client: segment.source, server: segment.destination)
      : Flow(client: segment.destination, server: segment.source)
    if let clients, !clients.contains(flow.client.port) { return }
    report.packets += 1
    report.payloadBytes += UInt64(segment.payload.count)
    firstTime = min(firstTime ?? time, time)
    lastTime = max(lastTime, time)
    var connection = connections[flow] ?? open()
    let wasOpaque = connection.opaque
    let before = connection.resynchronisations
    for exchange in connection.add(segment, isFromClient: isFromClient, time: time) {
      if let kind = connection.kind { statements.add(exchange, kind) }
    }
    report.resynchronisations += connection.resynchronisations >= before ? connection.resynchronisations - before : 0
    if wasOpaque == nil, let opaque = connection.opaque {
      if opaque == .encrypted { report.encryptedConnections += 1 }
      if opaque == .compressed { report.compressedConnections += 1 }
    }
    connection.used = report.packets
    connections[flow] = segment.isRST ? nil : connection
  }

  private mutating func countOther(_ segment: Segment) {
    for port in [segment.source.port, segment.destination.port]
    where otherPorts[port] != nil || otherPorts.count < Self.mostConnections {
      otherPorts[port, default: 0] += 1
    }
  }

  private mutating func open() -> WireConnection {
    report.connections += 1
    if connections.count >= Self.mostConnections {
      // The half that was quiet the longest.
      let limit = connections.values.map(\.used).sorted()[connections.count / 2]
      connections = connections.filter { $0.value.used > limit }
    }
    return WireConnection(kind: kind)
  }

  public mutating func setMissed(_ packets: UInt64) { report.missedPackets = packets }

  public mutating func remark(_ text: String) {
    if !report.remarks.contains(text) { report.remarks.append(text) }
  }

  /// What is known so far.
  public var result: WireReport {
    var result = report
    result.statements = statements.sorted
    result.otherCalls = statements.otherCalls
    result.seconds = firstTime.map { lastTime > $0 ? Double(lastTime - $0) / 1e9 : 0 } ?? 0
    if result.encryptedConnections > 0 {
      result.remarks.append(
        "\(result.encryptedConnections) of \(result.connections) connections are encrypted (TLS): statements cannot be seen there; "
          + "look at the database's own statistics, or switch TLS off for a test")
    }
    if result.compressedConnections > 0 {
      result.remarks.append(
        "\(result.compressedConnections) connections use compression: statements cannot be seen there")
    }
    return result
  }
}
