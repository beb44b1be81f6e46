import ArgumentParser
import Glibc
import Reports

/// What counts as a finding, and what is accepted.
struct FindingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Exit with 1 if a leak is at least this sure: none (never), possible, likely, certain.", valueName: "certainty"))
  var failOn: FailOn = .none

  @Option(
    help: ArgumentHelp(
      "A file of leaks that are accepted, and not reported (docs/suppressions.md). Default: \(Self.defaultFile) if it exists.",
      valueName: "file"
    ),
    completion: .file())
  var suppressions: String?

  static let defaultFile = ".memwhy-suppressions"

  /// Reads the file: a missing one is an error only where it was asked for.
  func load() throws -> Suppressions {
    let path = suppressions ?? Self.defaultFile
    let text: String
    do throws(InputFile.Failure) { text = try InputFile.text(path) } catch {
      if suppressions == nil && Self.isAbsent(error.code) { return Suppressions() }
      throw CLIError.noInput("\(ReportsError.unreadableSuppressions(path: path, reason: error.message))")
    }
    do { return try Suppressions(parsing: text, path: path) } catch { throw CLIError.usage("\(error)") }
  }

  /// In a folder that this user may not enter (`sudo -u app memwhy …` from root's home) there is no file for them.
  private static func isAbsent(_ code: Int32) -> Bool { code == ENOENT || code == EACCES && access(".", X_OK) != 0 }

  /// 1 where the report has a leak at or above `--fail-on`.
  func exitStatus(for report: ReportModel) -> Int32 {
    guard let threshold = failOn.threshold, report.leaks.isJudged else { return ExitStatus.success }
    return report.leaks.certainty >= threshold ? ExitStatus.finding : ExitStatus.success
  }
}

enum FailOn: String, ExpressibleByArgument, CaseIterable, Sendable {
  case none, possible, likely, certain

  var threshold: ReportModel.Certainty? {
    switch self {
    case .none: nil
    case .possible: .possible
    case .likely: .likely
    case .certain: .certain
    }
  }
}
