import ArgumentParser
import Profile

struct RawVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "raw",
    abstract: "Print samples, locations and mappings of a profile as text.",
    discussion: """
      Shows everything that is in the file, addresses, lines and inlined functions included, after the filters.

      Example: memwhy raw --symbolize none heap.pb.gz
      """)

  @OptionGroup var source: ProfileSourceOptions
  @OptionGroup var filters: ProfileFilterOptions

  func run() throws {
    try ProfileRun.run(source) { session throws(ProfileError) in
      let report = try RawReport(session, filters.profileOptions)
      return (report.remarks, report.text())
    }
  }
}
