import ArgumentParser

struct DuplicatesVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "duplicates",
    abstract:
      "List equal values that are stored more than once, and unused room in containers, with the bytes that a change would give back.",
    discussion: """
      For values of dictionaries, and what sharing them would save, see `memwhy retained`.

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
