import ArgumentParser
import Glibc
import Reports

struct DemoVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Reproduce a real incident on this machine and diagnose it.",
    discussion: """
      Builds the example service (a shop with a database, HTTP traffic and a cache by user), plays a day of traffic in a minute, runs \
      memwhy on the service while load rises, and plays the same day again with each of two fixes. Takes less than five minutes after the \
      build, and 1 GiB of memory. Ends and removes whatever it started, on Ctrl-C too. Exits with 1 if an answer of memwhy is wrong.

      Example: memwhy demo
      Example: memwhy demo --html report.html
      Example: memwhy demo --fault retain-cycle
      """)

  @Option(help: "Diagnose one fault instead of the incident: \(DemoFault.list).")
  var fault: DemoFault?

  @Option(help: ArgumentHelp("Seconds that the day takes.", valueName: "seconds"))
  var seconds = 60

  @Option(help: ArgumentHelp("Requests a second at the busiest hour.", valueName: "rate"))
  var peak = 700

  @Option(help: ArgumentHelp("Write the report as a page, too.", valueName: "file"), completion: .file())
  var html: String?

  @Option(
    help: ArgumentHelp(
      "The clone of memwhy that has the example. Default: the one around the working folder, or around the program.",
      valueName: "dir"))
  var source: String?

  @Flag(help: "Do not build the example: it is built already.")
  var noBuild = false

  @Flag(help: "Write the result as JSON (docs/demo.md).")
  var json = false

  @Option(help: ArgumentHelp("Colour: auto (on a terminal, unless NO_COLOR is set), always, never.", valueName: "when"))
  var color: ColorMode = .auto

  func validate() throws {
    if !(10...3_600).contains(seconds) { throw ValidationError("--seconds must be from 10 to 3600") }
    if !(10...5_000).contains(peak) { throw ValidationError("--peak must be from 10 to 5000") }
  }

  func run() throws {
    try OutputFile.check(html)
    let start = ContinuousClock.now
    let terminal = Terminal.current()
    let style = terminal.style(color)
    let checkout = try Checkout.find(source)
    let children = ChildProcesses(folder: try WorkFolder.make("demo"))
    defer { children.end() }
    Interruption.shared.endGently {
      children.interrupt()
      Terminal.error("\nmemwhy: interrupted; the service has been ended and its files removed\n")
      _exit(128 + SIGINT)
    }
    defer { Interruption.shared.endGently(nil) }

    let isJSON = json
    let progress = Progress(isEnabled: terminal.showsProgress)
    defer { progress.finish() }
    let run = DemoRun(
      children: children, checkout: checkout, plan: DemoLoad.Plan(seconds: Double(seconds), peak: Double(peak)),
      html: html, progress: progress,
      say: { line in
        progress.finish()
        if isJSON { Terminal.error("== \(line)\n") } else { Terminal.output("== \(line)\n") }
      },
      render: { report in
        isJSON ? "" : TextReport(style: style, options: TextOptions(limit: 6)).render(report)
      })
    try run.prepare(build: !noBuild)
    var result = try fault.map { fault throws(CLIError) in try run.fault(fault) } ?? run.story()
    result.seconds = Double((ContinuousClock.now - start).components.seconds)
    if json {
      try Terminal.output(json: result)
    } else {
      Terminal.output(DemoText.lines(result, style: style).joined(separator: "\n") + "\n")
    }
    if !result.isRight { throw ExitCode(ExitStatus.finding) }
  }
}
