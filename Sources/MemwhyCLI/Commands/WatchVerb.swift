import ArgumentParser
import Measurement
import Timeline

struct WatchVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Record memory over time, with load, threads, descriptors and connections beside it.",
    discussion: """
      Reads /proc and the control group once a second, and writes to a history file, which `memwhy history` shows and \
      `memwhy diagnose --history` judges. The process is paused only for snapshots of its heap, which --snapshots asks for, and what a \
      pause costs is said first. If the process restarts, the new one is found and the history goes on.

      Example: memwhy watch 4711
      Example: memwhy watch --name 'shop*' \\
        --load http_requests_total@http://127.0.0.1:8080/metrics
      Example: memwhy watch 4711 --snapshots +100MiB
      Example: memwhy watch --interval 10s --quiet \\
        --cgroup /sys/fs/cgroup/system.slice/shop.service
      """)

  @OptionGroup var target: WatchedOptions

  @Option(
    help: ArgumentHelp("Time between two samples, from 10ms. Default: 1s.", valueName: "time"),
    transform: SpanOption.parse)
  var interval: TimeSpan = .seconds(1)

  @Option(
    name: .customLong("for"), help: ArgumentHelp("Stop after this time. Default: until Ctrl-C.", valueName: "time"),
    transform: SpanOption.parse)
  var duration: TimeSpan?

  @Option(
    help: ArgumentHelp("The history file. Default: \(History.defaultPath).", valueName: "file"), completion: .file())
  var history: String?

  @Flag(help: "Print samples, but write no history.")
  var noHistory = false

  @Option(
    help: ArgumentHelp(
      "A counter of requests from the service's Prometheus page, to tell growth by load from other growth: metric@URL, or metric{label=\"value\"}@URL.",
      valueName: "metric@url"), transform: LoadOption.parse)
  var load: LoadSource.Address?

  @Option(
    help: ArgumentHelp(
      "When to take a snapshot of the heap, which says who holds what and pauses the process for some milliseconds: off, in intervals (10min), or each time memory has grown by so much (+100MiB).",
      valueName: "when"), transform: { try SnapshotOption.parse($0) })
  var snapshots: SnapshotSchedule = .off

  @Flag(help: "Write each sample as one JSON object a line (docs/history.md).")
  var json = false

  @Flag(name: .shortAndLong, help: "Record without printing samples.")
  var quiet = false

  func validate() throws {
    if interval.nanoseconds < 10_000_000 { throw ValidationError("--interval must be at least 10ms") }
    if noHistory && history != nil { throw ValidationError("--no-history and --history contradict each other") }
    if noHistory && quiet { throw ValidationError("--no-history and --quiet together do nothing") }
  }

  func run() throws {
    var session = try WatchSession(
      target: target.watched, interval: interval.nanoseconds, load: load, snapshots: snapshots,
      historyPath: noHistory ? nil : history ?? History.defaultPath,
      printer: WatchPrinter(
        json: json, quiet: quiet, hasLoad: load != nil, width: Terminal.current().width))
    try session.run(for: duration?.nanoseconds)
  }
}
