import ArgumentParser

struct TasksVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tasks",
    abstract: "Live Swift tasks by the async function they are suspended in, and what they keep.",
    discussion: """
      Example: memwhy tasks 4711
      """)

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    try HoldersPipeline.run("tasks", target: target, output: output) { holders, _, _, answer in
      answer.tasks = holders.tasks()
    }
  }
}
