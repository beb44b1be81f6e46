import ArgumentParser

struct TasksVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tasks",
    abstract: "Live Swift tasks by the async function they are suspended in, and what they keep.",
    discussion: """
      Source lines come from the program's debug information, by llvm-symbolizer where it is installed. AsyncStreams with elements that \
      nobody takes are listed too.

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
