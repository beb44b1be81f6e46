import ArgumentParser
import Reports

struct DiffVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Say what grew between snapshots, by holder, type and task: more entries, or bigger ones.",
    discussion: """
      Snapshots are files of `memwhy snapshot`. With three or more of them, what grew from each to the next is listed apart from what grew only \
      now and then.

      Example: memwhy diff monday.memwhy tuesday.memwhy wednesday.memwhy
      """)

  @Argument(help: ArgumentHelp("Snapshots, oldest first.", valueName: "file"), completion: .file())
  var files: [String]

  @OptionGroup var output: OutputOptions
  @OptionGroup var page: PageOptions

  @Flag(help: "Compare snapshots of different programs, too, instead of refusing.")
  var anyProgram = false

  func validate() throws {
    if files.count < 2 { throw ValidationError("give two snapshots or more, oldest first") }
    if output.showAddresses { throw ValidationError("--show-addresses: a snapshot has no addresses") }
  }

  func run() throws {
    try page.check()
    let snapshots = try files.map(Self.read)
    let diff: SnapshotDiff
    do { diff = try SnapshotDiff(snapshots, anyProgram: anyProgram) } catch { throw CLIError.noInput("\(error)") }
    if output.json {
      try Terminal.output(json: diff)
    } else {
      Terminal.output(DiffText(style: Terminal.current().style(output.color), options: output.text).render(diff))
    }
    // Last: a page that cannot be written must not cost the answer.
    try page.write { try HTMLReport().render(diff, tool: ReportModel.Tool(version: Version.current)) }
  }

  private static func read(_ file: String) throws(CLIError) -> Snapshot {
    let bytes: [UInt8]
    do throws(InputFile.Failure) { bytes = try InputFile.read(file, limit: Snapshot.largestFile) } catch {
      throw .noInput("cannot read '\(file)': \(error.message); give files that `memwhy snapshot -o FILE PID` wrote")
    }
    do throws(SnapshotError) { return try Snapshot(decoding: bytes, path: file) } catch { throw .noInput("\(error)") }
  }
}
