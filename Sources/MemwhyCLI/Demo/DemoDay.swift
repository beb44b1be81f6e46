import Foundation
import Glibc
import Measurement
import Reports
import Timeline

/// One day: a service, its load, and memwhy looking at it while load rises.
struct DemoDay {
  let children: ChildProcesses
  let checkout: Checkout
  let database: String
  let variant: String
  var fault: String?
  let plan: DemoLoad.Plan
  /// Where the HTML report goes; nil for none.
  var html: String?
  let progress: Progress

  /// What came of it. The service still runs: its heap can be looked at until `service` is stopped.
  struct Outcome {
    var service: DemoService
    var load: DemoLoad.Result
    var report: ReportModel
    var resident: [Double] = []
    var rates: [Double] = []
    var processorSeconds: Double
  }

  /// - Parameter announce: told the command line when memwhy starts.
  func play(_ announce: (String) -> Void) throws(CLIError) -> Outcome {
    let service = try DemoService.start(children, checkout, database: database, variant: variant, fault: fault)
    do throws(CLIError) { return try play(service, announce) } catch {
      children.stop(service.child)
      throw error
    }
  }

  private func play(_ service: DemoService, _ announce: (String) -> Void) throws(CLIError) -> Outcome {
    let begin = service.processorSeconds
    let metric = "hb_requests_total@http://127.0.0.1:\(service.port)/metrics"
    let requests = (try? LoadSource.Address(parsing: metric)).map { LoadSource($0, interval: 500_000_000) }
    requests?.start()
    defer { requests?.stop() }
    let load = try DemoLoad.start(children, checkout, plan, port: service.port)
    let start = ContinuousClock.now
    var diagnosis: DemoDiagnosis?
    var answer: Data?
    var ended: DemoLoad.Result?
    var resident: [Double] = []
    var counts: [Double] = []
    while ended == nil || answer == nil {
      let passed = Self.seconds(start.duration(to: .now))
      resident.append(Double(service.residentBytes))
      counts.append(requests?.current ?? counts.last ?? 0)
      progress.update(status(passed, resident.last ?? 0))
      if diagnosis == nil, passed >= plan.seconds * 0.2 {
        let started = try DemoDiagnosis.start(children, arguments(service, metric))
        announce(started.commandLine)
        diagnosis = started
      }
      if answer == nil, let diagnosis { answer = try diagnosis.answer(children) }
      if ended == nil { ended = try load.result(children) }
      guard passed < plan.seconds + 120 else { throw .fault("the day does not end; the machine is too slow for it") }
      usleep(250_000)
    }
    guard let ended, let answer else { throw .fault("the day ended without an answer") }
    let report: ReportModel
    do { report = try JSONReport.parse(String(decoding: answer, as: UTF8.self)) } catch { throw .fault("\(error)") }
    return Outcome(
      service: service, load: ended, report: report, resident: resident, rates: Self.differences(counts),
      processorSeconds: service.processorSeconds - begin)
  }

  private func arguments(_ service: DemoService, _ metric: String) -> [String] {
    let watch = max(5, Int(plan.seconds * 0.33))
    return ["diagnose", "\(service.pid)", "--for", "\(watch)s", "--load", metric] + (html.map { ["--html", $0] } ?? [])
  }

  private func status(_ passed: Double, _ resident: Double) -> String {
    let memory = ByteCount(UInt64(max(resident, 0)))
    guard !plan.isFlat else { return "\(Int(passed)) s of load, \(memory) resident" }
    let minutes = Int((4 + 24 * min(passed / plan.seconds, 1)) * 60) % 1_440
    let clock = "\(minutes / 600)\(minutes / 60 % 10):\(minutes % 60 / 10)\(minutes % 10)"
    return "\(clock) o'clock, \(memory) resident"
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
  }

  private static func differences(_ counts: [Double]) -> [Double] {
    zip(counts, counts.dropFirst()).map { max($1 - $0, 0) }
  }
}
