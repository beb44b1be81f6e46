import ArgumentParser

struct TasksVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tasks",
    abstract: "List live Swift tasks by the async function in which they are suspended, with the memory they keep.",
    discussion: """
      Also lists AsyncStreams with elements that nobody takes, and actors with jobs that wait for them. Source lines come from the program's \
      debug information; llvm-symbolizer is used if it is installed.

      Example: memwhy tasks 4711
      """)

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try HoldersPipeline.run("tasks", target: target, output: output) { holders, image, symbols, answer in
      let lines = SourceLines(image: image, symbols: symbols, debugDirectories: target.debugDir)
      answer.tasks = try holders.tasks(locate: lines.lines)
    }
  }
}
