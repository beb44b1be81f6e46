import Glibc
import HeapGraph
import Measurement
import Reports

/// The whole demo: build, seed, days, answers, checks.
struct DemoRun {
  let children: ChildProcesses
  let checkout: Checkout
  let plan: DemoLoad.Plan
  var html: String?
  let progress: Progress
  let say: (String) -> Void
  /// The report as text.
  let render: (ReportModel) -> String

  private var database: String { children.folder + "/shop.sqlite" }

  /// Builds the example and fills its database.
  func prepare(build: Bool) throws(CLIError) {
    if build {
      say("building the example service (some minutes the first time)")
      let log = children.folder + "/build.log"
      let child = try children.start(
        "swift", ["build", "-c", "release", "--package-path", checkout.service], output: log)
      try wait(child, log: log, what: "the build of \(checkout.service)") { progress.update("building", nil) }
    }
    for program in ["activity-service", "activity-load"] where !Files.isProgram(checkout.programs + "/" + program) {
      throw .noInput("\(checkout.programs)/\(program) is not built; run the demo without --no-build")
    }
    let log = children.folder + "/seed.log"
    let child = try children.start(
      checkout.programs + "/activity-service", ["seed", "--database", database], output: log)
    try wait(child, log: log, what: "seeding") {}
    say(
      Files.text(log).split(separator: "\n").first.map { "seeded:" + ($0.split(separator: ":").last ?? "") } ?? "seeded"
    )
  }

  private func wait(
    _ child: ChildProcesses.Child, log: String, what: String, _ tick: () -> Void
  ) throws(CLIError) {
    while true {
      if let status = children.status(child) {
        progress.finish()
        guard status == 0 else {
          let lines = (Files.text(log) + Files.text(log + ".errors")).split(separator: "\n").suffix(5)
          throw .fault(
            "\(what) ended with \(status) (it works in \(children.folder); TMPDIR names another place):\n"
              + lines.joined(separator: "\n"))
        }
        return
      }
      tick()
      usleep(100_000)
    }
  }

  /// The day with one variant, printed.
  func day(_ variant: String, fault: DemoFault? = nil, showsReport: Bool) throws(CLIError) -> DemoDay.Outcome {
    let plan = fault?.plan ?? plan
    let day = DemoDay(
      children: children, checkout: checkout, database: database, variant: variant, fault: fault?.rawValue, plan: plan,
      html: showsReport ? html : nil, progress: progress)
    let outcome = try day.play { line in
      progress.finish()
      if showsReport { say(line) }
    }
    progress.finish()
    // On a slow machine the consumer is behind: counts are compared when it is not.
    outcome.service.settle()
    if showsReport {
      Terminal.output(render(outcome.report))
      if let html { say("the same as a page: \(html)") }
    }
    return outcome
  }

  /// Live bytes by memwhy, and the row of the table.
  func row(_ variant: String, _ outcome: DemoDay.Outcome) throws(CLIError) -> DemoResult.Day {
    let heap = try DemoDiagnosis.run(ReportModel.self, children, ["heap", "\(outcome.service.pid)"])
    return DemoResult.Day(
      variant: variant, requests: outcome.load.answered, failedRequests: outcome.load.failed,
      latencyP99Seconds: outcome.load.latencySeconds["p99"] ?? 0,
      entries: outcome.service.ledger()["entries"] ?? 0, residentBytes: outcome.service.residentBytes,
      liveBytes: heap.heap.bytes, processorSeconds: outcome.processorSeconds)
  }
}
