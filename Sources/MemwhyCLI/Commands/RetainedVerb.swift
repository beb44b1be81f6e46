import ArgumentParser

struct RetainedVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retained",
    abstract: "Who holds the memory: the tree of holders by retained size, from named variables down.",
    discussion: """
      A holder's retained size is what would go with it. Containers show their entries, how full they are and what their keys are.

      Example: memwhy retained 4711
      Example: memwhy retained --min-share 0.1 --core core.4711
      """)

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var page: PageOptions

  @Option(
    help: ArgumentHelp("Sum up holders below this share of the reachable bytes, in per cent.", valueName: "percent"))
  var minShare = 1.0

  @Flag(help: "Show the beginnings of a few keys: contents of the process's strings.")
  var showContents = false

  func validate() throws {
    if !(minShare >= 0 && minShare <= 100) { throw ValidationError("--min-share must be from 0 to 100") }
  }

  func run() throws {
    try HoldersPipeline.run("retained", target: target, output: output, page: page) { holders, _, _, answer in
      answer.retained = try holders.holders(cut: minShare / 100, showContents: showContents)
    }
  }
}
