import ArgumentParser
import Foundation
import SamplerTable

struct PostmortemVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "postmortem",
    abstract: "Say what a process held and how its memory went in its last minutes, after its death.",
    discussion: """
      For a process that was killed, has crashed or hangs, and that `memwhy run` had started: needs only the table, the file into which the \
      sampler wrote. Names of functions come from the program's own files, if they are still of the same build; --root and \
      --debug-dir say where else to look for them.

      Example: memwhy postmortem /dev/shm/memwhy-shop-4711.table
      Example: memwhy postmortem shop.table --json
      Then: memwhy profile shop.table -o last.pb.gz && memwhy flame last.pb.gz
      """)

  @Argument(
    help: ArgumentHelp("The file of a table, or the id of a process that still runs.", valueName: "file"),
    completion: .file())
  var file: String

  @Option(help: ArgumentHelp("Rows of each table.", valueName: "rows"))
  var limit = 10

  @Option(help: ArgumentHelp("Find the program's files below this folder.", valueName: "dir"), completion: .directory)
  var root: String?

  @Option(help: ArgumentHelp("Also look for debug files here.", valueName: "dir"), completion: .directory)
  var debugDir: [String] = []

  @Flag(help: "Write it as JSON (docs/sampler-table.md).")
  var json = false

  @Option(help: ArgumentHelp("Colour: auto (on a terminal, unless NO_COLOR is set), always, never.", valueName: "when"))
  var color: ColorMode = .auto

  func validate() throws { if limit < 1 { throw ValidationError("--limit must be at least 1") } }

  func run() throws {
    let sampled = try SampledTable(file)
    let names = StackNames(sampled, root: root, debugDirectories: debugDir)
    let report = PostmortemReport(sampled, names: names, limit: limit)
    if json { return try Terminal.output(json: report) }
    Terminal.output(report.text(style: Terminal.current().style(color)))
  }
}
