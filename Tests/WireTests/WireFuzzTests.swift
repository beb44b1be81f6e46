import Foundation
import TestSupport
import Testing

@testable import Wire

/// Bytes from a network may be anything: an answer or none, never a trap, never unbounded memory.
@Suite struct WireFuzzTests {
  @Test(arguments: [("postgresql.pcap", UInt16(15_432)), ("mariadb.pcapng", 13_306), ("redis.pcap", 16_379)])
  func damagedCaptures(name: String, port: UInt16) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: CaptureTests.path(name))))
    let path = NSTemporaryDirectory() + "memwhy-wire-fuzz-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    defer { unlink(path) }
    var read = 0
    let rounds = try Mutation.rounds(400, seconds: 3) { generator in
      var damaged = bytes
      for _ in 0..<4 { damaged = Mutation.damaged(damaged, hot: [0..<64], using: &generator) }
      try Data(damaged).write(to: URL(fileURLWithPath: path))
      var analysis = WireAnalysis(source: path, port: port)
      if (try? analysis.read(path: path)) != nil { read += 1 }
      _ = analysis.result
    }
    #expect(rounds >= 40 && read > 10)
  }

  /// The decoders themselves, with damage in the stream instead of the packets around it.
  @Test(arguments: WireProtocol.allCases)
  func damagedStreams(kind: WireProtocol) throws {
    let (name, port): (String, UInt16) =
      switch kind {
      case .postgresql: ("postgresql.pcap", 15_432)
      case .mysql: ("mariadb.pcapng", 13_306)
      case .redis: ("redis.pcap", 16_379)
      }
    var pieces: [(bytes: [UInt8], isClient: Bool)] = []
    let file = try CaptureFile(path: CaptureTests.path(name))
    while let packet = try file.next() {
      guard let ip = LinkLayer.ip(packet.bytes, type: packet.link), let segment = Segment(ip: ip) else { continue }
      pieces.append((Array(segment.payload), segment.destination.port == port))
    }
    var finished = 0
    let rounds = Mutation.rounds(2_000, seconds: 3, seed: 5) { generator in
      var decoder = Decoders.make(kind, isFromStart: Bool.random(using: &generator))
      for piece in pieces.shuffled(using: &generator).prefix(40) {
        let bytes = Bool.random(using: &generator) ? piece.bytes : Mutation.damaged(piece.bytes, using: &generator)
        do {
          if piece.isClient { try decoder.client(bytes[...], time: 1) } else { try decoder.server(bytes[...], time: 2) }
        } catch { decoder = Decoders.make(kind, isFromStart: false) }
        finished += decoder.takeExchanges().count
      }
    }
    #expect(rounds >= 200 && finished > 0)
  }

  @Test func randomBytesStopNothing() {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<2_000 {
      let bytes = (0..<Int.random(in: 0..<200, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      _ = Segment(ip: bytes[...])
      for type in [0, 1, 113, 276] as [UInt32] { _ = LinkLayer.ip(bytes[...], type: type) }
      for dialect in [SQLFolder.Dialect.mysql, .postgresql] {
        #expect(Fingerprint(sql: bytes, dialect).text.count <= 1_000)
      }
      for kind in WireProtocol.allCases {
        for isFromStart in [true, false] {
          var decoder = Decoders.make(kind, isFromStart: isFromStart)
          try? decoder.client(bytes[...], time: 0)
          try? decoder.server(bytes[...], time: 0)
        }
      }
    }
  }

  /// A stream with a hole holds a bounded number of bytes, and goes on behind the hole.
  @Test func holesAreGivenUp() throws {
    var stream = TCPStream()
    var gaps = 0
    var bytes = 0
    for index in 0..<10_000 where index != 1 {
      var segment = try #require(
        Segment(ip: Self.packet(sequence: UInt32(truncatingIfNeeded: 4_294_967_000 + index * 100))[...]))
      segment.payload = ArraySlice(repeating: 1, count: 100)
      for event in stream.add(segment) {
        switch event {
        case .gap: gaps += 1
        case .bytes(let piece): bytes += piece.count
        }
      }
    }
    #expect(gaps == 1)
    #expect(bytes == 9_999 * 100)
  }

  /// An IPv4 packet with an empty TCP segment.
  static func packet(sequence: UInt32) -> [UInt8] {
    let big = (0..<4).map { UInt8(truncatingIfNeeded: sequence >> UInt32(24 - 8 * $0)) }
    return [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1] + [0, 1, 0, 2] + big + [
      0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0,
    ]
  }
}
