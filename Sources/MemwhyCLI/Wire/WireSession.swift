import Glibc
import ProcessImage
import Reports
import Synchronization
import Timeline
import Wire

/// One run of `memwhy wire`: packets in, a table that follows them, the result at the end.
struct WireSession {
  let port: UInt16
  let kind: WireProtocol?
  let limit: Int
  let isJSON: Bool
  let isQuiet: Bool
  let terminal: Terminal

  func read(_ path: String) throws {
    let progress = Progress(isEnabled: terminal.showsProgress && !isQuiet, isQuiet: isQuiet)
    var analysis = WireAnalysis(source: path, port: port, kind: kind)
    do throws(WireError) {
      try analysis.read(path: path) { packets in progress.update("reading packet \(packets)") }
    } catch { throw CLIError(error) }
    progress.finish()
    try finish(analysis.result)
  }

  /// - Parameter nanoseconds: how long; nil for until Ctrl-C.
  func watch(interface: String, pid: Int32?, nanoseconds: UInt64?) throws {
    let socket: PacketSocket
    do throws(WireError) { socket = try PacketSocket(interface: interface, port: port) } catch { throw CLIError(error) }
    var analysis = WireAnalysis(source: interface, port: port, kind: kind)
    let stop = EndFlag()
    Interruption.shared.endGently { stop.set() }
    defer { Interruption.shared.endGently(nil) }
    let start = Clocks.monotonic
    var nextLook: UInt64 = 0
    var nextTable = start &+ 1_000_000_000
    let isLive = terminal.outputIsTerminal && !isQuiet && !isJSON
    if let pid { analysis.clients = try ClientPorts.of(pid, server: port) }
    if !isQuiet && !isLive { Terminal.error("memwhy: listening on \(interface), port \(port)\n") }
    while !stop.isSet {
      let now = Clocks.monotonic
      if let nanoseconds, now &- start >= nanoseconds { break }
      if let pid, now >= nextLook {
        analysis.clients = try ClientPorts.of(pid, server: port)
        nextLook = now &+ 500_000_000
      }
      do throws(WireError) {
        if let packet = try socket.receive(milliseconds: 200) { analysis.add(ip: packet.bytes, time: packet.time) }
      } catch { throw CLIError(error) }
      if isLive, now >= nextTable {
        // Home, and clear what was there.
        Terminal.output("\u{1b}[H\u{1b}[2J" + text(analysis.result))
        nextTable = now &+ 1_000_000_000
      }
    }
    socket.countMissed()
    analysis.setMissed(socket.missed)
    if isLive { Terminal.output("\u{1b}[H\u{1b}[2J") }
    try finish(analysis.result)
  }

  private func finish(_ report: WireReport) throws {
    if isJSON {
      try Terminal.output(json: report)
    } else {
      Terminal.output(text(report))
    }
  }

  private func text(_ report: WireReport) -> String {
    WireText.lines(report, limit: limit, style: terminal.style(.auto)).joined(separator: "\n") + "\n"
  }
}

/// Set from another thread.
final class EndFlag: Sendable {
  private let flag = Atomic<Bool>(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}

extension CLIError {
  init(_ error: WireError) {
    let text = "\(error)"
    self =
      switch error {
      case .cannotRead, .notACapture, .unsupportedLink, .noInterface: .noInput(text)
      case .notPermitted: .notPermitted(text)
      case .systemCall: .fault(text)
      }
  }
}
