import ArgumentParser
import HeapGraph
import Reports

struct PathVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "path",
    abstract:
      "Show how the objects of a type, or one object, are held: the shortest paths from variables, field by field.",
    discussion: """
      Paths through the same fields are one line, however many objects they lead to. The path to a single object has positions and integer \
      keys, too: `cache[42].value`. Keys that are strings are shown only with --show-contents.

      Example: memwhy path Session 4711
      Example: memwhy path '[String : Offer]' 4711
      Example: memwhy path 0x7f3c2c001a40 --core core.4711
      """)

  @Argument(help: ArgumentHelp("Name of a type, or an address as 0x….", valueName: "type|address"))
  var subject: String

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions

  @Flag(help: "Show keys that are strings. They are contents of the process, and may be private.")
  var showContents = false

  @Option(
    help: ArgumentHelp("Also write the paths as a drawing for Graphviz.", valueName: "file"), completion: .file())
  var dot: String?

  func validate() throws {
    if subject.hasPrefix("0x"), UInt64(subject.dropFirst(2), radix: 16) == nil {
      throw ValidationError("'\(subject)' is not an address: write hexadecimal digits after 0x")
    }
    if subject.allSatisfy(\.isWhitespace) { throw ValidationError("give the name of a type, or an address as 0x…") }
  }

  func run() throws {
    try OutputFile.check(dot)
    var report: PathReport?
    try HoldersPipeline.run("path", target: target, output: output) { holders, image, _, answer in
      report = try holders.paths(
        to: HeapHolders.Subject(parsing: subject), image: image, showContents: showContents)
      answer.paths = report
    }
    if let dot, let report { try OutputFile.write(PathGraph.dot(report), to: dot) }
  }
}
