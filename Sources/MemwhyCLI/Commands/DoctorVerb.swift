import ArgumentParser
import Reports

struct DoctorVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check whether memwhy can work on this machine and look into a process, without touching the process.",
    discussion: """
      Reads /proc and the cgroup only: the process is never stopped. Exits with 77 where a check fails.

      Example: memwhy doctor
      Example: memwhy doctor --json 4711
      """)

  @Argument(help: ArgumentHelp("Process id of a running process.", valueName: "pid"), transform: ProcessOption.parse)
  var pid: Int32?

  @Flag(help: "Write the result as JSON (docs/report-schema.md).")
  var json = false

  @Option(help: ArgumentHelp("Colour: auto, always, never.", valueName: "when"))
  var color: ColorMode = .auto

  func validate() throws {
    if let pid, pid <= 0 { throw ValidationError("'\(pid)' is not a process id: they are positive") }
  }

  func run() throws {
    let report = try Doctor(machine: .live()).examine(pid: pid)
    if json {
      try Terminal.output(json: report)
    } else {
      Terminal.output(DoctorText(style: Terminal.current().style(color)).render(report))
    }
    if report.worst == .fail { throw ExitCode(ExitStatus.notPermitted) }
  }
}
