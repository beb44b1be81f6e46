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

  func text(_ style: TextStyle) -> String {
    let text = GrowthText(style: style, options: TextReport.Options())
    return (text.answer(growth) + text.lines(growth)).joined(separator: "\n") + "\n"
  }
}
