import Measurement
import Reports

extension DemoRun {
  /// One genuine fault in a service that is healthy otherwise.
  func fault(_ fault: DemoFault) throws(CLIError) -> DemoResult {
    var result = DemoResult(fault: fault.rawValue)
    say(
      "\(Int(fault.plan.seconds)) seconds of load on the service without its cache, but with the fault \(fault.rawValue)"
    )
    let outcome = try day("none", fault: fault, showsReport: true)
    defer { children.stop(outcome.service.child) }
    let finding = outcome.report.growth?.findings.first
    let cause = outcome.report.growth?.cause.rawValue ?? "none"
    result.sentence = outcome.report.growth?.sentence ?? outcome.report.verdict.sentence
    result.cause = cause
    result.site = finding?.site ?? finding?.title
    result.days.append(try row("none", outcome))
    let counted = outcome.service.ledger()["fault"] ?? 0
    say("the service's own count: \(Count(counted)) \(fault.unit)")
    result.check("the fault was there", counted > 0, seen: "\(Count(counted)) \(fault.unit)")
    result.check(
      "the first cause is \(fault.causes.joined(separator: " or "))", fault.causes.contains(cause), seen: cause)
    return result
  }
}
