import ArgumentParser
import Measurement
import Wire

struct WireVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wire",
    abstract:
      "Show what a service asks its database: statements with calls, rows, bytes of the answers, longest IN list.",
    discussion: """
      Reads unencrypted traffic of MySQL, MariaDB, PostgreSQL and Redis on a port, live or from a capture. Sends nothing and stops nobody. \
      Live traffic takes CAP_NET_RAW (root). Encrypted connections are only counted. Values in statements are never shown.

      Example: memwhy wire --port 3306
      Example: memwhy wire --port 5432 --pid 4711 --for 2min --json
      Example: memwhy wire --port 6379 --pcap dump.pcap
      """)

  @Option(help: "The database's TCP port.")
  var port: UInt16

  @Option(help: ArgumentHelp("Only connections of this process.", valueName: "pid"))
  var pid: Int32?

  @Option(
    help: ArgumentHelp("Read a capture (pcap, pcapng) instead of an interface.", valueName: "file"), completion: .file()
  )
  var pcap: String?

  @Option(help: ArgumentHelp("Network interface, or any.", valueName: "name"))
  var interface = "any"

  @Option(
    name: .customLong("protocol"),
    help: ArgumentHelp("mysql, postgresql or redis. Default: recognised from the traffic.", valueName: "name"))
  var kind: WireProtocol?

  @Option(
    name: .customLong("for"), help: ArgumentHelp("Stop after this time. Default: until Ctrl-C.", valueName: "time"),
    transform: SpanOption.parse)
  var duration: TimeSpan?

  @Option(help: ArgumentHelp("Rows of the table.", valueName: "rows"))
  var limit = 20

  @Flag(help: "Write the result as JSON (docs/wire.md).")
  var json = false

  @Flag(name: .shortAndLong, help: "Print the table only at the end.")
  var quiet = false

  func validate() throws {
    if port == 0 { throw ValidationError("--port must be from 1 to 65535") }
    if limit < 1 { throw ValidationError("--limit must be at least 1") }
    if let pid, pid <= 0 { throw ValidationError("'\(pid)' is not a process id: they are positive") }
    if pcap != nil && (pid != nil || duration != nil) {
      throw ValidationError("--pid and --for are for live packets, not for --pcap")
    }
  }

  func run() throws {
    let session = WireSession(
      port: port, kind: kind, limit: limit, isJSON: json, isQuiet: quiet, terminal: Terminal.current())
    if let pcap {
      try session.read(pcap)
    } else {
      try session.watch(interface: interface, pid: pid, nanoseconds: duration?.nanoseconds)
    }
  }
}

extension WireProtocol: ExpressibleByArgument {}
