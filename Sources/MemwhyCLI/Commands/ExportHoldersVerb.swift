import ArgumentParser
import Foundation
import HeapGraph
import Reports

struct ExportHoldersVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "holders",
    abstract: "Write who holds what in a format that another tool reads; the file's name says which.",
    discussion: """
      .heapsnapshot opens in Chrome DevTools (Memory, Load profile), .pb in go tool pprof (whose -diff_base shows who holds more than \
      before), .collapsed in flame graph tools, .dot in Graphviz. The holders are those that `memwhy retained` shows.

      Example: memwhy export -o shop.heapsnapshot 4711
      Example: memwhy export -o later.pb 4711
      Then: go tool pprof -top -diff_base earlier.pb later.pb
      """)

  @OptionGroup var target: TargetOptions

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write it.", valueName: "file"), completion: .file())
  var output: String

  @Option(
    help: ArgumentHelp("Put holders below this share of the heap together, in per cent.", valueName: "percent"))
  var minShare = 0.05

  @Flag(name: .shortAndLong, help: "Print neither progress nor the file's name.")
  var quiet = false

  func validate() throws {
    if HolderExport(path: output) == nil {
      throw ValidationError("'\(output)' has no known format: end it with .heapsnapshot, .pb, .collapsed or .dot")
    }
    if !(minShare >= 0 && minShare <= 100) { throw ValidationError("--min-share must be from 0 to 100") }
  }

  func run() throws {
    try OutputFile.check(output)
    guard let format = HolderExport(path: output) else { return }
    let terminal = Terminal.current()
    let progress = Progress(isEnabled: terminal.showsProgress && !quiet, isQuiet: quiet)
    defer { progress.finish() }
    var bytes: [UInt8] = []
    _ = try HoldersPipeline.answer(try target.request(verb: "export"), progress: progress) { holders, _, _, _ in
      bytes = format.render(try holders.holders(cut: minShare / 100))
    }
    progress.finish()
    try OutputFile.write(bytes, to: output, quiet: quiet)
  }
}
