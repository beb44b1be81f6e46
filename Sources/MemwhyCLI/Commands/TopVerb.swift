import ArgumentParser
import Profile

struct TopVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "List the functions of a profile that allocated most.",
    discussion: """
      flat is what a function allocated itself; cum adds what the functions that it called allocated. Columns, options and numbers are those of go tool pprof \
      (docs/profiles.md); names are demangled.

      Example: memwhy top heap.pb.gz
      Example: memwhy top --base monday.pb.gz --cum --nodecount 20 tuesday.pb.gz
      Example: memwhy top service.0001.heap
      Example: memwhy top 4711
      Example: memwhy top --held-by 'cache : [Int64 : Entry]' 4711
      """)

  @OptionGroup var source: ProfileSourceOptions
  @OptionGroup var table: ProfileTableOptions
  @OptionGroup var filters: ProfileFilterOptions
  @OptionGroup var paths: ProfilePathOptions

  func run() throws {
    var options = filters.profileOptions
    table.apply(to: &options)
    paths.apply(to: &options)
    try ProfileRun.run(source) { session throws(ProfileError) in
      let report = try TopReport(session, options)
      guard table.json else { return (report.remarks, report.text()) }
      let text = ProfileRun.json(
        "top", "rows", report.rows, total: report.total, report.sampleType, report.remarks)
      return ([], text)
    }
  }
}
