import ArgumentParser

struct LeaksVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "leaks",
    abstract: "List what is leaked: retain cycles with field names, lost tasks, forgotten blocks.",
    discussion: """
      A block is leaked if no pointer leads to it, from a variable, a stack or a register, directly or through other blocks. A task is lost \
      if nothing is left that could resume it. Leaks that one change would end are one group.

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
