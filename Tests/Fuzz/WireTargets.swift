@testable import Wire

/// What travels between a service and its databases.
enum WireTargets {
  static func capture(_ bytes: [UInt8]) {
    FileTargets.withPath(bytes) { path in
      for port in [15_432, 13_306, 16_379] as [UInt16] {
        var analysis = WireAnalysis(source: path, port: port)
        _ = try? analysis.read(path: path)
        _ = analysis.result
      }
    }
  }

  /// The first byte chooses the protocol; then pieces of a length and a side.
  static func stream(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let kinds = WireProtocol.allCases
    let kind = kinds[Int(first) % kinds.count]
    var decoder = Decoders.make(kind, isFromStart: first & 0x80 != 0)
    var rest = bytes.dropFirst()
    var time: UInt64 = 0
    while let head = rest.popFirst() {
      let piece = rest.prefix(Int(head & 0x7f) * (head & 1 == 0 ? 1 : 16))
      rest = rest.dropFirst(piece.count)
      time += 1
      do {
        if head & 0x80 == 0 { try decoder.client(piece, time: time) } else { try decoder.server(piece, time: time) }
      } catch { decoder = Decoders.make(kind, isFromStart: false) }
      _ = decoder.takeExchanges()
    }
  }
}
