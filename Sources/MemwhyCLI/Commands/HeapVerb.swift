import ArgumentParser

struct HeapVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heap",
    abstract: "Count the live blocks of the heap by type: bytes, share, number.",
    discussion: """
      A block is what one call of malloc returned: a Swift object, a buffer, or memory of C and C++.

      Example: memwhy heap --limit 50 4711
      Example: memwhy heap --freeze none 4711
      """)

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var page: PageOptions

  func run() throws {
    try ReportingVerb.run("heap", target: target, output: output, findings: nil, page: page)
  }
}
