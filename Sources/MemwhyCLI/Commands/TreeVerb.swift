import ArgumentParser
import Profile

struct TreeVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tree",
    abstract: "Show every function of a profile between its callers and what it calls.",
    discussion: """
      Above each function are its callers with what was allocated through them, below it the functions that it called. Shows 80 functions \
      unless --nodecount says otherwise.

      Example: memwhy tree --nodecount 20 --cum heap.pb.gz
      """)

  @OptionGroup var source: ProfileSourceOptions
  @OptionGroup var table: ProfileTableOptions
  @OptionGroup var filters: ProfileFilterOptions
  @OptionGroup var paths: ProfilePathOptions

  func run() throws { try TreeText.run(nil, source, table, filters, paths) }
}

/// What `tree` and `peek` share.
enum TreeText {
  static func run(
    _ pattern: String?, _ source: ProfileSourceOptions, _ table: ProfileTableOptions, _ filters: ProfileFilterOptions,
    _ paths: ProfilePathOptions
  ) throws {
    var options = filters.profileOptions
    table.apply(to: &options)
    paths.apply(to: &options)
    try ProfileRun.run(source) { [options] session throws(ProfileError) in
      let report = try TreeReport(session, options, matching: pattern)
      guard table.json else { return (report.remarks, report.text()) }
      let text = ProfileRun.json(
        pattern == nil ? "tree" : "peek", "functions", report.entries, total: report.total, report.sampleType,
        report.remarks)
      return ([], text)
    }
  }
}
