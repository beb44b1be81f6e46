import ArgumentParser
import Profile

struct ExportProfileVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile",
    abstract: "Turn a profile into another format; the file's name says which.",
    discussion: """
      .collapsed or .folded (one line a stack, for flame graph tools), .speedscope.json (speedscope.app), .pb.gz or .pb (pprof: merged, filtered, or made from \
      the text heap profiles of gperftools, jemalloc and heaptrack, with Swift names).

      Example: memwhy export profile -o heap.collapsed heap.pb.gz
      Example: memwhy export profile -o heap.pb.gz service.0001.heap
      Example: memwhy export profile -o grown.pb.gz \\
        --base monday.pb.gz tuesday.pb.gz
      """)

  @OptionGroup var source: ProfileSourceOptions
  @OptionGroup var filters: ProfileFilterOptions

  @Option(name: .shortAndLong, help: ArgumentHelp("Where to write it.", valueName: "file"), completion: .file())
  var output: String

  func validate() throws {
    if ProfileExport(path: output) == nil {
      throw ValidationError("'\(output)' has no known format: end it with \(ProfileExport.endings)")
    }
  }

  func run() throws {
    try OutputFile.check(output)
    guard let format = ProfileExport(path: output) else { return }
    let (remarks, bytes) = try ProfileRun.report(source) { session throws(ProfileError) in
      (session.remarks, try format.render(session, filters.profileOptions))
    }
    if !source.quiet { for remark in remarks { Terminal.error("memwhy: \(remark)\n") } }
    try OutputFile.write(bytes, to: output, quiet: source.quiet)
  }
}
