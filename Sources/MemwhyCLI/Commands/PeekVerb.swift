import ArgumentParser
import Profile

struct PeekVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "peek",
    abstract: "Show one function of a profile between its callers and what it calls.",
    discussion: """
      Like `memwhy tree`, but for the functions that match, and with every caller, however small.

      Example: memwhy peek 'Store\\.load' heap.pb.gz
      """)

  @Argument(help: ArgumentHelp("Functions whose name matches this.", valueName: "function"))
  var function: String

  @OptionGroup var source: ProfileSourceOptions
  @OptionGroup var table: ProfileTableOptions
  @OptionGroup var filters: ProfileFilterOptions
  @OptionGroup var paths: ProfilePathOptions

  func run() throws { try TreeText.run(function, source, table, filters, paths) }
}
