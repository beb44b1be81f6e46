import ArgumentParser
import Foundation
import Reports

struct DiffVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "What grew between snapshots: by holder, type and task; more entries, or bigger ones.",
    discussion: """
      With three or more, what grew in every step is told from what grew now and then.

      Example: memwhy diff monday.memwhy tuesday.memwhy wednesday.memwhy
      """)

  @Argument(help: ArgumentHelp("Snapshots, oldest first.", valueName: "file"), completion: .file())
  var files: [String]

  @OptionGroup var output: OutputOptions
  @OptionGroup var page: PageOptions

  @Flag(help: "Compare snapshots of different programs as well.")
  var anyProgram = false

  func validate() throws {
    if files.count < 2 { throw ValidationError("give two snapshots or more, oldest first") }
  }

  func run() throws {
    var snapshots: [Snapshot] = []
    for file in files {
      let bytes: Data
      do { bytes = try Data(contentsOf: URL(fileURLWithPath: file)) } catch {
        throw CLIError.noInput("cannot read \(file): \(error.localizedDescription)")
      }
      do { snapshots.append(try Snapshot(decoding: Array(bytes), path: file)) } catch {
        throw CLIError.noInput("\(error)")
      }
    }
    let diff: SnapshotDiff
    do { diff = try SnapshotDiff(snapshots, anyProgram: anyProgram) } catch { throw CLIError.noInput("\(error)") }
    try page.write { try HTMLReport().render(diff, tool: ReportModel.Tool(version: Version.current)) }
    if output.json { return try Terminal.output(json: diff) }
    let options = TextOptions(
      limit: output.limit, verbose: output.verbose, quiet: output.quiet, showAddresses: false)
    Terminal.output(DiffText(style: Terminal.current().style(output.color), options: options).render(diff))
  }
}
