import ArgumentParser
import ProcessImage
import Profile

struct FlameVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "flame",
    abstract: "Draw a profile as a flame graph, in one HTML file that needs nothing else.",
    discussion: """
      Callers stand above what they call. A frame is as wide as the memory that it and everything below it allocated. With --base or --diff-base \
      colours and signs show what grew and what shrank. Click or Enter zooms, / searches, Escape shows everything again.

      Example: memwhy flame -o heap.html heap.pb.gz
      Example: memwhy flame --base monday.pb.gz -o grown.html tuesday.pb.gz
      """)

  @OptionGroup var source: ProfileSourceOptions
  @OptionGroup var filters: ProfileFilterOptions

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Where to write it. Default: flame.html.", valueName: "file"),
    completion: .file())
  var output = "flame.html"

  @Option(help: ArgumentHelp("Put frames below this share of the profile together, in per cent.", valueName: "percent"))
  var minShare = 0.05

  @Option(help: ArgumentHelp("Headline of the page. Default: the file's name.", valueName: "text"))
  var title: String?

  func validate() throws {
    if !(minShare >= 0 && minShare <= 100) { throw ValidationError("--min-share must be from 0 to 100") }
  }

  func run() throws {
    try OutputFile.check(output)
    // What was there before is needed beside what is there now, so the base stays apart.
    var source = source
    if !source.base.isEmpty {
      source.diffBase = source.base
      source.base = []
    }
    let tree = try ProfileRun.report(source) { session throws(ProfileError) in
      try StackTree(session, filters.profileOptions, minimumShare: minShare / 100)
    }
    if !source.quiet { for remark in tree.remarks { Terminal.error("memwhy: \(remark)\n") } }
    let name = title ?? source.files.map { $0.fileName ?? "" }.joined(separator: " + ")
    try OutputFile.write(FlamePage.render(tree, title: name), to: output, quiet: source.quiet)
  }
}
