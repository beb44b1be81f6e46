import ArgumentParser
import Foundation
import Measurement
import Reports
import Timeline

struct HistoryVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Show what `memwhy watch` has recorded: each run of the service, how far its memory rose, what happened.",
    discussion: """
      The file is a SQLite database, which may be read while it is written; docs/history.md describes its tables.

      Example: memwhy history
      Example: memwhy history --last 24h --json
      Example: memwhy history --verdict --memory-max 2GiB
      """)

  @Option(
    help: ArgumentHelp("The history file. Default: \(History.defaultPath).", valueName: "file"), completion: .file())
  var history: String?

  @Option(
    help: ArgumentHelp("Only runs of this target, as the list shows it.", valueName: "target"))
  var target: String?

  @Option(
    help: ArgumentHelp("Only the last part of it, back from the newest sample.", valueName: "time"),
    transform: SpanOption.parse)
  var last: TimeSpan?

  @OptionGroup var page: PageOptions

  @Flag(help: "Say why memory grew, from what was recorded. The process need not run any more.")
  var verdict = false

  @Option(
    help: ArgumentHelp(
      "With --verdict: the memory limit, for the forecast of when it is reached. Default: that of the control group.",
      valueName: "size"),
    transform: ByteOption.parse)
  var memoryMax: ByteCount?

  @Flag(help: "Write runs, events and at most --limit samples as JSON (docs/history.md).")
  var json = false

  @Option(help: ArgumentHelp("At most so many samples in JSON: neighbours are put together.", valueName: "samples"))
  var limit = 1000

  func validate() throws {
    if limit < 2 { throw ValidationError("--limit must be at least 2") }
    if page.html != nil && !verdict {
      throw ValidationError("--html belongs to --verdict; `memwhy serve` shows the rest")
    }
  }

  func run() throws {
    if verdict {
      let style = Terminal.current().style(.auto)
      return try HistoryVerdict.publish(
        history ?? History.defaultPath, target: target, limit: memoryMax, loadName: nil, page: page
      ) { json ? try JSONReport.render($0) : $0.text(style) }
    }
    do throws(TimelineError) {
      let history = try History.reading(history ?? History.defaultPath)
      let view = try HistoryView(history, target: target, last: last, limit: limit)
      Terminal.output(json ? view.json : view.text(width: Terminal.current().width))
    } catch { throw CLIError(error) }
  }
}

/// What `memwhy history` shows.
struct HistoryView {
  let runs: [History.RecordedRun]
  let samples: [(run: Int64, sample: Sample)]
  let events: [TimelineEvent]
  let bytes: Int64

  init(_ history: History, target: String?, last: TimeSpan?, limit: Int) throws(TimelineError) {
    let all = try history.runs(target: target)
    let newest = all.map(\.last).max() ?? 0
    let from = last.map { newest - Int64($0.nanoseconds / 1_000_000) } ?? .min
    runs = all.filter { $0.last >= from }
    samples = try history.samples(runs: runs.map(\.id), from: from, limit: limit)
    events = try history.events(from: from)
    bytes = try history.size().bytes
  }

  func text(width: Int) -> String {
    guard !runs.isEmpty else { return "Nothing is recorded here. `memwhy watch PID` records.\n" }
    var lines: [String] = []
    for run in runs {
      let own = samples.filter { $0.run == run.id }.map(\.sample)
      let level = own.compactMap { $0[.rss] ?? $0[.groupUsage] }
      let span = TimeSpan(nanoseconds: UInt64(max(run.last - run.first, 0)) * 1_000_000)
      lines.append(
        "\(WatchPrinter.clock(run.first, date: true))  \(TextStyle.printable(run.run.name)) (\(run.run.pid)), watched for \(span)"
      )
      if let first = level.first, let last = level.last, let low = level.min(), let high = level.max() {
        lines.append("  " + Sparkline.text(level, width: min(width - 4, 60)))
        lines.append(
          "  \(ByteCount(saturating: first)) -> \(ByteCount(saturating: last)), lowest \(ByteCount(saturating: low)), highest \(ByteCount(saturating: high))"
        )
      }
      lines.append("  target: \(TextStyle.shorten(TextStyle.printable(run.target), to: max(width - 10, 20)))")
    }
    let notable = events.filter { $0.kind != .started && $0.kind != .snapshot }
    if !notable.isEmpty {
      lines += ["", "EVENTS"]
      lines += notable.suffix(20).map {
        "  \(WatchPrinter.clock($0.time, date: true))  \($0.kind.rawValue): \(TextStyle.printable($0.detail))"
      }
    }
    lines += ["", "\(Count(runs.count).of("run")), \(ByteCount(Int(bytes))) on disk"]
    return lines.joined(separator: "\n") + "\n"
  }

  var json: String {
    let list: [[String: Any]] = samples.map { run, sample in
      var object: [String: Any] = ["run": run, "time": sample.time, "step": sample.step]
      for metric in Metric.allCases { if let value = sample[metric] { object[metric.name] = value } }
      return object
    }
    let object: [String: Any] = [
      "schemaVersion": 1,
      "runs": runs.map {
        [
          "id": $0.id, "target": $0.target, "pid": $0.run.pid, "name": $0.run.name, "command": $0.run.command,
          "first": $0.first, "last": $0.last,
        ]
      },
      "events": events.map { ["time": $0.time, "kind": $0.kind.rawValue, "detail": $0.detail] },
      "samples": list,
    ]
    let data = try? JSONSerialization.data(
      withJSONObject: object, options: [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes])
    return data.map { String(decoding: $0, as: UTF8.self) + "\n" } ?? ""
  }
}
