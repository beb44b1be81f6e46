import Diagnosis
import Measurement
import Reports
import Timeline

/// The verdict on what `memwhy watch` has kept: no process is needed, and none is touched.
struct HistoryVerdict: Encodable {
  var schemaVersion = 1
  var tool = ReportModel.Tool(version: Version.current)
  var verb = "history"
  var name: String?
  var pid: Int32?
  var growth: GrowthReport

  /// - Throws: `CLIError` where nothing was recorded.
  init(_ history: History, target: String?, limit: ByteCount?, loadName: String?) throws {
    let past = try Past(history, target: target)
    guard !past.isEmpty else {
      throw CLIError.noInput(past.remarks.joined(separator: "; ") + "; `memwhy watch` records")
    }
    name = past.name
    pid = past.pid
    growth = Weighing.verdict(
      Evidence(lives: past.lives, heaps: past.heaps, limit: limit.map { Double($0.bytes) }, loadName: loadName),
      events: past.events, remarks: past.remarks)
  }

  /// Judges a history, prints the verdict, and writes the page where one is wanted.
  static func publish(
    _ path: String, target: String?, limit: ByteCount?, loadName: String?, page: PageOptions,
    print: (HistoryVerdict) throws -> String
  ) throws {
    // First of all: what cannot be written must not cost the reading of a year.
    try page.check()
    do {
      let verdict = try HistoryVerdict(History.reading(path), target: target, limit: limit, loadName: loadName)
      Terminal.output(try print(verdict))
      // Last: a page that cannot be written must not cost the answer.
      try page.write { try HTMLReport().render(verdict.growth, name: verdict.name ?? "", tool: verdict.tool) }
    } catch let error as TimelineError { throw CLIError(error) }
  }

  func text(_ style: TextStyle, _ options: TextOptions = TextOptions()) -> String {
    let text = GrowthText(style: style, options: options)
    return (text.answer(growth) + (options.quiet ? [] : text.lines(growth))).joined(separator: "\n") + "\n"
  }
}
