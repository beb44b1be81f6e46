import ArgumentParser
import Measurement
import Reports
import Timeline

struct Diagnose: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose",
    abstract: "Say why memory grows: leak or not, what grows, how fast, and what to change. The default verb.",
    discussion: """
      Takes a snapshot of the heap, watches the process for 30 seconds, takes another one and compares them. Each snapshot pauses the \
      process for some milliseconds. --once takes a single one, which says what is leaked and what fills the heap, but not what \
      grows; of a core file and with --freeze none there is only one, too.

      Example: memwhy 4711
      Example: memwhy 4711 --for 5min \\
        --load http_requests_total@http://127.0.0.1:8080/metrics
      Example: memwhy 4711 --html report.html
      Example: memwhy 4711 --try-trim
      Example: memwhy diagnose --history 4711
      Example: memwhy diagnose --history
      Example: memwhy diagnose --core core.4711 --root /srv/image
      """)

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var page: PageOptions
  @OptionGroup var findings: FindingOptions

  @Flag(help: "Take one snapshot: what is leaked and what fills the heap, but not what grows.")
  var once = false

  @Option(
    name: .customLong("for"),
    help: ArgumentHelp("How long to watch between the snapshots. Default: 30s.", valueName: "time"),
    transform: SpanOption.parse)
  var duration: TimeSpan = .seconds(30)

  @Option(
    help: ArgumentHelp(
      "The memory limit, for the forecast of when it is reached, for instance 2GiB. Default: that of the control group.",
      valueName: "size"),
    transform: ByteOption.parse)
  var memoryMax: ByteCount?

  @Option(
    help: ArgumentHelp(
      "A counter of requests from the service's Prometheus page, to tell growth by load from other growth: metric@URL. Default: processor time.",
      valueName: "metric@url"), transform: LoadOption.parse)
  var load: LoadSource.Address?

  @Flag(
    help:
      "Also use what `memwhy watch` has recorded of this process and of its earlier runs; without a process id, use only that."
  )
  var history = false

  @Option(
    help: ArgumentHelp("The history file for --history. Default: \(History.defaultPath).", valueName: "file"),
    completion: .file())
  var historyFile: String?

  @Option(
    help: ArgumentHelp(
      "Show where memory was allocated according to this heap profile. Not needed for a process that `memwhy run` started.",
      valueName: "file"),
    completion: .file())
  var profile: String?

  @Flag(
    help:
      "Measure how much malloc_trim(0) would give back to the system. It is run in the copy of the process, never in the process itself."
  )
  var tryTrim = false

  /// nil where no history is asked for.
  private var historyPath: String? { history || historyFile != nil ? historyFile ?? History.defaultPath : nil }

  func validate() throws {
    if tryTrim && (target.freeze != .cow || target.pid == nil) {
      throw ValidationError("--try-trim needs a process and its copy: not --core, not --freeze stop or none")
    }
    if target.isMissing && historyPath != nil
      && (once || profile != nil || findings.failOn != .none || findings.suppressions != nil)
    {
      throw ValidationError(
        "--once, --profile, --fail-on and --suppressions need a process; a history alone is judged as it was recorded")
    }
    if duration.nanoseconds < 1_000_000_000 {
      throw ValidationError("--for must be at least 1s; use --once for one look")
    }
  }

  func run() throws {
    if target.isMissing, let historyPath { return try judge(historyPath) }
    let isSingle = once || target.core != nil || target.freeze == .none
    try ReportingVerb.run(
      "diagnose", target: target, output: output, findings: findings, page: page, profile: profile, triesTrim: tryTrim,
      analyzer: isSingle
        ? Pipeline()
        : WholeAnalyzer(
          options: WholeDiagnosis.Options(
            duration: duration, limit: memoryMax, load: load, history: historyPath, suppressions: findings.load())))
  }

  /// Only what was recorded: no process is touched, and it may be gone.
  private func judge(_ path: String) throws {
    let style = Terminal.current().style(output.color)
    try HistoryVerdict.publish(path, target: nil, limit: memoryMax, loadName: load?.metric, page: page) {
      output.json ? try JSONReport.render($0) : $0.text(style, output.text)
    }
  }
}

/// Watches and looks twice where `Pipeline` looks once.
private struct WholeAnalyzer: Analyzer {
  let options: WholeDiagnosis.Options

  func report(_ request: AnalysisRequest, progress: Progress) throws(CLIError) -> ReportModel {
    guard case .process(let pid) = request.target else { return try Pipeline().report(request, progress: progress) }
    return try WholeDiagnosis(request: request, pid: pid, options: options, progress: progress).run()
  }
}
