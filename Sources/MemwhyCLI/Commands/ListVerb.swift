import ArgumentParser
import Profile

struct ListVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Show the source of functions with what each line allocated.",
    discussion: """
      Sources are read from the paths in the profile. If they are somewhere else now, --source-path says in which folders, and --trim-path what \
      to cut off the beginning of the profile's paths.

      Example: memwhy list 'Store.load' heap.pb.gz
      Example: memwhy list Decoder heap.pb.gz \\
        --trim-path /build/shop --source-path ~/shop
      """)

  @Argument(help: ArgumentHelp("Functions whose name matches this.", valueName: "function"))
  var function: String

  @OptionGroup var source: ProfileSourceOptions
  @OptionGroup var filters: ProfileFilterOptions
  @OptionGroup var paths: ProfilePathOptions

  @Flag(help: "Write JSON (docs/profiles.md), values in the profile's own unit.")
  var json = false

  func run() throws {
    var options = filters.profileOptions
    paths.apply(to: &options)
    try ProfileRun.run(source) { session throws(ProfileError) in
      let report = try ListReport(session, options, matching: function)
      guard json else { return (report.remarks, report.text()) }
      let text = ProfileRun.json(
        "list", "routines", report.routines, total: report.total, report.sampleType, report.remarks)
      return ([], text)
    }
  }
}
