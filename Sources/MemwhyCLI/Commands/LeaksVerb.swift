import ArgumentParser

struct LeaksVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "leaks",
    abstract: "List what no pointer leads to: retain cycles with field names, lost tasks, forgotten blocks.",
    discussion: """
      Example: memwhy leaks --fail-on certain 4711
      Example: memwhy leaks --json --suppressions accepted-leaks.txt 4711
      """)

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var page: PageOptions
  @OptionGroup var findings: FindingOptions

  func run() throws {
    try ReportingVerb.run("leaks", target: target, output: output, findings: findings, page: page)
  }
}
