import ArgumentParser
import Foundation
import Reports

struct SnapshotVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshot",
    abstract: "Write who holds what to a file, to compare it with a later one by `memwhy diff`.",
    discussion: """
      The file has paths, names of types and sizes (docs/snapshots.md). It has no addresses, and contents of strings only with --show-contents.

      Example: memwhy snapshot -o monday.memwhy 4711
      Example: memwhy diff monday.memwhy tuesday.memwhy
      """)

  @OptionGroup var target: TargetOptions

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write it.", valueName: "file"), completion: .file())
  var output: String

  @Flag(help: "Also keep how a few keys of each container begin. They are contents of the process, and may be private.")
  var showContents = false

  @Flag(name: .shortAndLong, help: "Print neither progress nor the file's name.")
  var quiet = false

  /// Holders below this share of the reachable bytes are not listed: small today, they may be what has grown tomorrow.
  private static let cut = 0.0005

  func run() throws {
    try OutputFile.check(output)
    let terminal = Terminal.current()
    let progress = Progress(isEnabled: terminal.showsProgress && !quiet, isQuiet: quiet)
    defer { progress.finish() }
    var snapshot: Snapshot?
    _ = try HoldersPipeline.answer(try target.request(verb: "snapshot"), progress: progress) { holders, image, _, _ in
      snapshot = Snapshot(
        toolVersion: Version.current, process: image.name, pid: image.pid, time: Date().timeIntervalSince1970,
        retained: try holders.holders(cut: Self.cut, showContents: showContents), census: holders.analysis.census,
        tasks: try holders.tasks(), leaks: holders.analysis.leaks)
    }
    progress.finish()
    guard let snapshot else { return }
    let bytes: [UInt8]
    do throws(SnapshotError) { bytes = try snapshot.encoded() } catch { throw CLIError.fault("\(error)") }
    try OutputFile.write(bytes, to: output, quiet: quiet)
  }
}
