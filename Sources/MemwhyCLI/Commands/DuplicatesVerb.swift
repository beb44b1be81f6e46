import ArgumentParser

struct DuplicatesVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "duplicates",
    abstract:
      "What is stored more than once, and what room containers do not use, in bytes that a change would give back.",
    discussion: """
      Values inside dictionaries and what another shape would make of them are shown by `memwhy retained`.

      Example: memwhy duplicates 4711
      """)

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try HoldersPipeline.run("duplicates", target: target, output: output) { holders, _, _, answer in
      answer.waste = try holders.waste()
    }
  }
}
