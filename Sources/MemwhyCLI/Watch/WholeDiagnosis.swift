import Diagnosis
import Foundation
import Measurement
import ProcessImage
import Reports
import Timeline

/// `memwhy PID`: watch for a while with a snapshot at each end, then decide.
struct WholeDiagnosis {
  struct Options {
    var duration: TimeSpan
    var limit: ByteCount?
    var load: LoadSource.Address?
    /// A history whose samples and snapshots count too.
    var history: String?
    /// Leaks that these accept are no causes.
    var suppressions = Suppressions()
  }

  let request: AnalysisRequest
  let pid: Int32
  let options: Options
  let progress: Progress

  /// - Throws: `CLIError` only; where the process ends while it is watched, what was seen by then decides.
  func run() throws(CLIError) -> ReportModel {
    // First of all: what cannot be opened must not cost the process a pause.
    let past = try loadPast()
    let age = (try? Procfs.stat(of: pid))?.age
    let program = try? Procfs.stat(of: pid)
    let load = options.load.map { LoadSource($0, interval: 1_000_000_000) }
    load?.start()
    defer { load?.stop() }
    let pipeline = Pipeline(load: load)
    var firstRequest = request
    firstRequest.triesTrim = false
    // Samples go on while the first snapshot is read, which takes as long as the heap is large.
    let sampler = BackgroundSamples(
      Recorder(.pid(pid), interval: interval, load: load), pid: pid, interval: interval)
    defer { sampler.end() }
    let first = try pipeline.capture(firstRequest, progress: progress, depth: .holders)
    OwnMemory.giveBack()
    sampler.ownMemoryIsSmall()
    let relatives = Relatives(of: pid)
    wait(sampler)
    let hint = Relatives(of: pid).hint(since: relatives)
    let watched = sampler.end()
    try requireSameProgram(program)
    var last = first
    var remarks: [String] = []
    do {
      last = try pipeline.capture(request, progress: progress, depth: .waste)
    } catch {
      remarks.append(
        (try? Procfs.stat(of: pid)).map(\.hasEnded) == false
          ? "no second snapshot: \(error)"
          : "the process ended while it was watched, so there is no second snapshot: what became more in the heap is not known"
      )
    }
    try requireSameProgram(program)
    progress.update("deciding")
    let accepted = Set(accepted(first) + accepted(last))
    let heaps = (past.heaps + [first.facts, last.facts]).map { facts in
      var facts = facts
      facts.accept { accepted.contains($0.identity) }
      return facts
    }
    let evidence = Evidence(
      lives: past.lives(continuedBy: watched.samples), heaps: heaps,
      limit: options.limit.map { Double($0.bytes) }, loadName: options.load?.metric, age: past.isEmpty ? age : nil)
    var report = last.report
    var growth = Weighing.verdict(evidence, events: past.events + watched.events, remarks: past.remarks + remarks)
    // In the first sentence: who reads only that looks at the wrong process.
    if let hint { growth.sentence += " \(hint.prefix(1).uppercased())\(hint.dropFirst())." }
    growth.moments = GrowthReport.Moment.all(evidence.heaps)
    report.growth = growth
    // The general advice of a single look gives way to what was found by watching.
    if report.verdict.answer == .noLeak { report.nextSteps = growth.findings.first.map(\.advice) ?? [] }
    return report
  }

  /// Leaks that the suppressions take away, by their identity from one snapshot to the next.
  private func accepted(_ look: (report: ReportModel, facts: HeapFacts)) -> [String] {
    look.report.leaks.groups.filter(options.suppressions.accepts).flatMap { group in
      (look.facts.leaks ?? []).filter { leak in
        leak.kind == group.kind.rawValue && leak.blocks == group.blocks && leak.bytes == group.bytes
      }.map(\.identity)
    }
  }

  /// What was seen before and after an exec is of two programs: their difference is no growth.
  private func requireSameProgram(_ before: ProcessStat?) throws(CLIError) {
    guard let before, let now = try? Procfs.stat(of: pid), now.id == before.id, now.startTime == before.startTime,
      !now.hasEnded, !now.isSameProgram(as: before)
    else { return }
    throw .targetGone(
      "process \(pid) (\(before.name)) started another program (\(now.name)) while it was watched; run the command again"
    )
  }

  /// Nanoseconds between samples. Some dozen samples are what the tests need, however short the watch.
  private var interval: UInt64 { min(max(options.duration.nanoseconds / 40, 50_000_000), 1_000_000_000) }

  /// Until the time is over, or there is nothing more to watch.
  private func wait(_ sampler: BackgroundSamples) {
    let start = Clocks.monotonic
    let whole = TimeSpan(nanoseconds: options.duration.nanoseconds)
    while !sampler.isOver {
      let passed = Clocks.monotonic &- start
      guard passed < options.duration.nanoseconds else { return }
      progress.update("watching for \(whole)", Double(passed) / Double(options.duration.nanoseconds))
      sampler.wait(min(interval, options.duration.nanoseconds - passed))
    }
  }

  private func loadPast() throws(CLIError) -> Past {
    guard let path = options.history else { return Past() }
    do throws(TimelineError) {
      return try Past(History.reading(path), pid: pid)
    } catch { throw CLIError(error) }
  }
}
