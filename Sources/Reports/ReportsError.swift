import Measurement

/// Why a report could not be made or read.
public enum ReportsError: Error, Hashable, Sendable, CustomStringConvertible {
  case unreadableSuppressions(path: String, reason: String)
  case badSuppression(path: String, line: Int, text: String, reason: String)
  case notEncodable(String)
  case notAReport(String)
  case newerSchema(found: Int)
  case noPage(verb: String)

  public var description: String {
    switch self {
    case .unreadableSuppressions(let path, let reason):
      "cannot read the suppressions file \(path): \(reason); give another one with --suppressions"
    case .badSuppression(let path, let line, let text, let reason):
      "\(path):\(line): '\(SafeText.name(String(text.prefix(80))))': \(reason)"
    case .notEncodable(let reason):
      "the report could not be written as JSON: \(reason); text needs none: leave out --json and --html"
    case .noPage(let verb): "\(verb) has no page; --json has what it found"
    case .notAReport(let reason): "this is no report of memwhy: \(reason); write one with --json"
    case .newerSchema(let found):
      """
      the report has schema version \(found), this memwhy reads up to \(ReportModel.currentSchemaVersion); use the version \
      that wrote it
      """
    }
  }
}
