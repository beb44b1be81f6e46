import Measurement
import Reports

/// What a verb wants to know, in terms of the command line.
struct AnalysisRequest: Sendable {
  enum Target: Sendable, Hashable {
    case process(Int32)
    /// `root`: the folder below which the program's files are found.
    case core(path: String, root: String?)
  }

  var verb: String
  var target: Target
  var freeze: FreezeMode
  /// What memwhy itself may use; nil for the default of the freeze.
  var memoryLimit: ByteCount?
  /// By how much the target's cgroup may grow while the copy lives; nil for the default of the freeze.
  var cowBudget: ByteCount?
  var debugDirectories: [String]
  /// Whether the report shows who holds what, in detail.
  var findsHolders = false
  /// Whether `malloc_trim(0)` is run in the copy when all is read.
  var triesTrim = false

  /// The question has an answer where there is no room for a copy, too: what fills the heap, and what grows.
  var countsWithoutCopy: Bool { verb == "heap" || verb == "diagnose" }
}

/// Everything behind the command line: from a target to a report. A protocol, so that verbs are tested without a process.
protocol Analyzer: Sendable {
  /// - Throws: `CLIError` only.
  func report(_ request: AnalysisRequest, progress: Progress) throws(CLIError) -> ReportModel
}
