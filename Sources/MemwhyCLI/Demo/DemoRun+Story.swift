import HeapGraph
import Measurement
import Reports

extension DemoRun {
  /// The incident: as it was, with references to shared values, without the cache.
  func story() throws(CLIError) -> DemoResult {
    var result = DemoResult()
    say("one day of traffic in \(Int(plan.seconds)) seconds; the cache as it was: values copied into every entry")
    let outcome = try day("struct", showsReport: true)
    show(outcome)
    let retained = try DemoDiagnosis.run(HoldersAnswer.self, children, ["retained", "\(outcome.service.pid)"])
    let facts = retained.retained.flatMap(CacheFacts.find)
    result.days.append(try row("struct", outcome))
    children.stop(outcome.service.child)
    judge(outcome.report, facts, &result)
    for variant in ["shared", "none"] {
      say("the same day with \(variant == "shared" ? "references to shared values" : "no cache at all")")
      let outcome = try day(variant, showsReport: false)
      result.days.append(try row(variant, outcome))
      children.stop(outcome.service.child)
      if variant == "none" {
        let cause = outcome.report.growth?.cause
        result.check(
          "without the cache nothing is wrong", outcome.report.verdict.answer != .leak && cause?.isHealthy == true,
          seen: outcome.report.growth?.sentence ?? outcome.report.verdict.sentence)
      }
    }
    compare(&result)
    return result
  }

  /// Traffic and memory over the day.
  private func show(_ outcome: DemoDay.Outcome) {
    say("traffic  \(Sparkline.text(outcome.rates, width: 48))  \(Count(outcome.load.answered)) requests")
    let most = ByteCount(UInt64(outcome.resident.max() ?? 0))
    say("memory   \(Sparkline.text(outcome.resident, width: 48))  up to \(most): it rises by day and stays at night")
  }

  /// The answer on the running service, before anything is changed.
  private func judge(_ report: ReportModel, _ facts: CacheFacts?, _ result: inout DemoResult) {
    let finding = report.growth?.findings.first
    result.sentence = report.growth?.sentence ?? report.verdict.sentence
    result.cause = finding?.cause.rawValue ?? "none"
    result.site = finding?.site ?? finding?.title
    result.check(
      "it is not called a leak", report.verdict.answer != .leak && !["leak", "lostTasks"].contains(result.cause),
      seen: report.verdict.sentence)
    result.check(
      "the cause is a growing collection", result.cause == "collection", seen: result.cause)
    let name = "StructActivities.cache"
    result.check(
      "the cache is named by its variable", [finding?.site, finding?.title].contains { $0?.contains(name) == true },
      seen: result.site ?? "no name")
    let share = finding?.share ?? 0
    result.check("at least 90 % of the growth is put to it", share >= 0.9, seen: "\(Int(share * 100)) %")
    guard let facts, let day = result.days.first else {
      result.check("the cache is found by `memwhy retained`", false, seen: "no dictionary with integer keys")
      return
    }
    result.check(
      "its entries are counted right", facts.users.entries == UInt64(day.entries),
      seen: "\(Count(facts.users.entries)), the service counts \(Count(day.entries))")
    let keys = facts.users.keys
    result.check(
      "its keys are seen to be all different", keys?.distinct == keys?.looked,
      seen: keys.map { "\(Count($0.distinct)) of \(Count($0.looked)) looked at" } ?? "no keys")
    result.check(
      "its values are seen to be copies",
      facts.inner?.values?.differingOffsets.isEmpty == true && facts.sharingSaves != nil,
      seen: facts.inner?.values.map { "\($0.equalBytes) of \($0.valueBytes) bytes equal" } ?? "no values")
    result.predictedSaving = facts.sharingSaves
  }

  /// What was predicted and what came of it.
  private func compare(_ result: inout DemoResult) {
    guard result.days.count == 3, let predicted = result.predictedSaving, predicted > 0 else { return }
    let (old, shared, none) = (result.days[0], result.days[1], result.days[2])
    let real = old.liveBytes > shared.liveBytes ? old.liveBytes - shared.liveBytes : 0
    result.realSaving = real
    let difference = abs(Double(predicted) - Double(real)) / Double(max(real, 1))
    result.check(
      "the saving by sharing was predicted within 5 %", difference <= 0.05,
      seen: "\(ByteCount(predicted)) predicted, \(ByteCount(real)) saved")
    result.check(
      "without the cache memory is flat", none.liveBytes < old.liveBytes / 10,
      seen: "\(ByteCount(none.liveBytes)) instead of \(ByteCount(old.liveBytes))")
  }
}
