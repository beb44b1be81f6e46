import ArgumentParser
import Profile

struct TracesVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "traces",
    abstract: "Print all stacks of a profile with their values and labels.",
    discussion: """
      Example: memwhy traces --focus Decoder heap.pb.gz
      """)

  @OptionGroup var source: ProfileSourceOptions
  @OptionGroup var filters: ProfileFilterOptions

  @Flag(help: "Write JSON (docs/profiles.md), values in the profile's own unit.")
  var json = false

  func run() throws {
    try ProfileRun.run(source) { session throws(ProfileError) in
      let report = try TracesReport(session, filters.profileOptions)
      guard json else { return (report.remarks, report.text()) }
      let text = ProfileRun.json(
        "traces", "traces", report.traces, total: report.total, report.sampleType, report.remarks)
      return ([], text)
    }
  }
}
