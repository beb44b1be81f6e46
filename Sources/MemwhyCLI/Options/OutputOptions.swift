import ArgumentParser
import Reports

/// How to say it.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Write the answer as JSON (docs/report-schema.md).")
  var json = false

  @Option(help: ArgumentHelp("Rows of each table, entries of each list.", valueName: "rows"))
  var limit = 20

  @Flag(
    name: [.customShort("v"), .long],
    help: "Show more: self-checks of the heap, the allocator's arenas, how long each phase took, long paths in full.")
  var verbose = false

  @Flag(name: .shortAndLong, help: "Print only the answer, in one sentence, and no progress.")
  var quiet = false

  @Option(help: ArgumentHelp("Colour: auto (on a terminal, unless NO_COLOR is set), always, never.", valueName: "when"))
  var color: ColorMode = .auto

  @Flag(help: "Show addresses of some of the objects.")
  var showAddresses = false

  func validate() throws {
    if limit < 1 { throw ValidationError("--limit must be at least 1") }
    if quiet && verbose { throw ValidationError("--quiet and --verbose contradict each other") }
  }

  /// How much of it, as text.
  var text: TextOptions {
    TextOptions(limit: limit, verbose: verbose, quiet: quiet, showAddresses: showAddresses)
  }

  /// The report as it goes to stdout.
  func render(_ report: ReportModel, terminal: Terminal) throws -> String {
    if json {
      do { return try JSONReport.render(report) } catch { throw CLIError.fault("\(error)") }
    }
    return TextReport(style: terminal.style(color), options: text).render(report)
  }
}

/// When to colour.
enum ColorMode: String, ExpressibleByArgument, CaseIterable, Sendable {
  case auto, always, never
}
