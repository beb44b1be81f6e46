import ArgumentParser
import Foundation
import Measurement
import Profile
import SamplerTable

struct ProfileVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile",
    abstract: "Write a heap profile of a process that `memwhy run` started, in the format of pprof.",
    discussion: """
      Reads the sampler's table, a file that outlives the process, so the process is neither stopped nor asked. The profile says what was \
      allocated (alloc_objects, alloc_space) and what of it is in use (inuse_objects, inuse_space), estimated from the samples, with \
      functions and source lines. Labels: thread, task, lifetime (temporary, mixed, kept).

      Example: memwhy profile 4711 -o heap.pb.gz && memwhy top heap.pb.gz
      Example: memwhy profile /dev/shm/memwhy-shop-4711.table --churn
      Example: memwhy profile 4711 --set-interval 64KiB
      """)

  @Argument(help: ArgumentHelp("Process id, or the file of a table.", valueName: "pid|file"), completion: .file())
  var target: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Where to write it. Default: memwhy.NAME.PID.pb.gz.", valueName: "file"),
    completion: .file())
  var output: String?

  @Flag(
    help:
      "Print the stacks that allocate and free the most, with the mean lifetime of their blocks, and write no file.")
  var churn = false

  @Option(help: ArgumentHelp("Stacks that --churn prints.", valueName: "rows"))
  var limit = 20

  @Flag(help: "Names only, no source lines: much faster.")
  var noLines = false

  @Option(help: ArgumentHelp("Find the program's files below this folder.", valueName: "dir"), completion: .directory)
  var root: String?

  @Option(help: ArgumentHelp("Also look for debug files here.", valueName: "dir"), completion: .directory)
  var debugDir: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only change the process's sampling interval: the average number of bytes between two samples.", valueName: "size"
    ),
    transform: ByteOption.parse)
  var setInterval: ByteCount?

  @Flag(name: .shortAndLong, help: "Do not print the file's name.")
  var quiet = false

  func validate() throws {
    if limit < 1 { throw ValidationError("--limit must be at least 1") }
    if let setInterval, !SamplerSettings.intervals.contains(setInterval) {
      throw ValidationError("--set-interval must be from 1 B to 1 TiB")
    }
  }

  func run() throws {
    if let setInterval { return try change(setInterval) }
    let sampled = try SampledTable(target)
    if churn {
      let text = ChurnText(
        table: sampled.table, names: StackNames(sampled, root: root, debugDirectories: debugDir), limit: limit)
      Terminal.output(text.render(style: Terminal.current().style(.auto)))
      return
    }
    let path = output ?? "memwhy.\(sampled.programName).\(sampled.table.header.pid).pb.gz"
    try OutputFile.check(path)
    let (profile, remarks) = sampled.profile(lines: !noLines, root: root, debugDirectories: debugDir)
    let bytes: [UInt8]
    do throws(ProfileError) { bytes = try PprofEncoder.gzip(profile) } catch { throw CLIError(error) }
    try OutputFile.write(bytes, to: path)
    guard !quiet else { return }
    for remark in remarks + SamplerRemarks.remarks(sampled.table) { Terminal.error("memwhy: \(remark)\n") }
    Terminal.error("memwhy: wrote \(path); next: memwhy top \(path)\n")
  }

  private func change(_ interval: ByteCount) throws {
    let sampled = try SampledTable(target)
    guard sampled.isAlive else {
      throw CLIError.targetGone("the process of \(target) has ended: its interval cannot change")
    }
    do throws(SamplerTableError) { try sampled.source.setInterval(interval.bytes) } catch { throw CLIError(error) }
    if !quiet { Terminal.error("memwhy: one sample in \(interval); threads follow within their next MiB\n") }
  }
}
