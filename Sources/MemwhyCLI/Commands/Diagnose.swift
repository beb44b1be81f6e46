import ArgumentParser

struct Diagnose: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diagnose",
    abstract: "Say whether memory is leaked, what exactly, and which types fill the heap. The default verb.",
    discussion: """
      Example: memwhy 4711
      Example: memwhy diagnose --core core.4711 --root /srv/image
      """)

  @OptionGroup var target: TargetOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var findings: FindingOptions

  @Flag(help: "Look once. The only mode so far.")
  var once = false

  func run() throws {
    try ReportingVerb.run("diagnose", target: target, output: output, findings: findings)
  }
}
