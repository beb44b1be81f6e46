import ArgumentParser

struct RetainedVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retained",
    abstract: "Show who holds the memory: a tree of variables, stack frames and tasks with what each keeps alive.",
    discussion: """
      The retained size of a holder is what would be freed if it went away: what is reachable through it alone. Containers show how many \
      entries they have, how full they are and what their keys are. Where memwhy has little room, a sample of the blocks is followed, and numbers \
      are estimates.

      Example: memwhy retained 4711
      Example: memwhy retained --min-share 0.1 --core core.4711
      """)

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var page: PageOptions

  @Option(
    help: ArgumentHelp("Put holders below this share of the heap together, in per cent.", valueName: "percent"))
  var minShare = 1.0

  @Flag(help: "Show how a few keys begin. They are contents of the process, and may be private.")
  var showContents = false

  func validate() throws {
    if !(minShare >= 0 && minShare <= 100) { throw ValidationError("--min-share must be from 0 to 100") }
  }

  func run() throws {
    let sampled: HoldersPipeline.SampledQuestion = { holders, answer in
      answer.retained = holders.report.pruned(cut: minShare / 100)
    }
    try HoldersPipeline.run("retained", target: target, output: output, page: page, sampled: sampled) {
      holders, _, _, answer in
      answer.retained = try holders.holders(cut: minShare / 100, showContents: showContents)
    }
  }
}
