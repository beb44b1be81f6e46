import Diagnosis
import HeapGraph
import Malloc
import Measurement
import ProcessImage
import Reports
import Symbols
import Timeline

/// The real thing: process -> image -> heap -> graph -> report.
struct Pipeline: Analyzer {
  /// The service's own count of work, which each snapshot notes.
  var load: LoadSource?

  func report(_ request: AnalysisRequest, progress: Progress) throws(CLIError) -> ReportModel {
    try capture(request, progress: progress, depth: request.findsHolders ? .holders : .report).report
  }

  /// What a snapshot is asked beside types and leaks.
  enum Depth: Sendable, Hashable {
    case report
    /// Who holds what, and tasks by what they do.
    case holders
    /// Equal copies and unused room as well, which reads every block.
    case waste
  }

  private static let mostAttempts = 3
  /// Between two attempts: what the copy had charged is free again, and the burst of writes is over.
  private static let pauseNanoseconds: UInt64 = 250_000_000

  /// One snapshot: the report, and the facts by which it is compared with another.
  ///
  /// Near the limit of the process's control group the copy is given up as soon as its pages could cost the process its life. That is
  /// the end of this copy, not of the question: another one is tried, at most `mostAttempts` times.
  func capture(
    _ request: AnalysisRequest, progress: Progress, depth: Depth = .report
  ) throws(CLIError) -> (report: ReportModel, facts: HeapFacts) {
    var attempt = 1
    while true {
      var wasGivenUp = false
      do throws(CLIError) {
        let result = try capture(request, progress, depth, wasGivenUp: &wasGivenUp)
        if depth == .report || result.facts.holders != nil || !wasGivenUp || attempt == Self.mostAttempts {
          return result
        }
      } catch {
        if !wasGivenUp || attempt == Self.mostAttempts { throw error }
      }
      attempt += 1
      Clocks.sleep(Self.pauseNanoseconds)
    }
  }

  /// One attempt.
  ///
  /// - Parameter wasGivenUp: set where the copy went before it was read, and the process is there.
  private func capture(
    _ request: AnalysisRequest, _ progress: Progress, _ depth: Depth, wasGivenUp: inout Bool
  ) throws(CLIError) -> (report: ReportModel, facts: HeapFacts) {
    var clock = PhaseClock()
    let allocations =
      request.verb == "heap"
      ? nil : SampledAllocations(of: request.target, debugDirectories: request.debugDirectories, progress: progress)
    if allocations != nil { clock.finish("allocations") }
    progress.update("taking an image")
    // One reading shortly before the copy; those of every second go on.
    load?.refresh()
    let start = Clocks.monotonic
    let source = try ImageSource.open(request, progress: progress)
    // However this ends: the copy must not outlive the command.
    defer { source.release() }
    let copied = source.image.freeze?.end ?? Clocks.monotonic
    let time = Clocks.milliseconds - Int64(clamping: (Clocks.monotonic &- copied) / 1_000_000)
    let mapped = source.mapped
    clock.finish("image")
    progress.update("reading symbols")
    let symbols = ImageSymbols(source.image, debugDirectories: request.debugDirectories)
    clock.finish("symbols")
    var options = HeapAnalysis.Options(
      findsLeaks: request.verb != "heap", keepsReferences: depth != .report,
      allocations: allocations?.stacks(before: start), room: .now(for: request.target))
    options.whyRunning = source.whyRunning
    options.isRoomGone = InspectionRoom.watch(for: request.target)
    let analysis: HeapAnalysis
    do {
      analysis = try HeapInspection.run(source.image, symbols: symbols, options: options) { phase, share in
        progress.update(phase.rawValue, share)
      }
    } catch {
      wasGivenUp = source.wasGivenUp
      throw source.explain(error)
    }
    var look = Look(request: request, source: source, symbols: symbols, analysis: analysis, progress: progress)
    var facts = HeapFacts(
      analysis, time: time, books: look.books(mapped), threads: source.image.threads.count,
      pause: source.image.freeze?.measuredPause, unwritten: look.unwritten)
    facts.threadNames = NamedCounts.threads(source.image)
    if case .process(let pid) = request.target { facts.fileNames = NamedCounts.files(of: pid) }
    var held: HolderReport?
    if depth != .report && !analysis.isSurvey {
      held = look.addHolders(to: &facts, withWaste: depth == .waste)
      wasGivenUp = source.wasGivenUp
    }
    clock.finish("heap and graph")
    var letGo = request.triesTrim ? [look.tryTrim(&facts)] : []
    letGo += source.release()
    clock.finish("release")
    if let load {
      facts.work = load.countAfterwards(at: copied).map { HeapFacts.Work(name: load.address.metric, count: $0) }
    }
    var report = ReportModel(
      tool: ReportModel.Tool(version: Version.current), verb: request.verb, image: source.image, analysis: analysis,
      corePath: source.corePath, remarks: source.image.remarks + letGo + look.remarks, phases: clock.phases)
    report.time = time
    report.holders = held.map { ReportModel.Tree($0) }
    report.localCaches = held?.localCaches
    report.heap.trimmedBytes = facts.books?.trimmed
    if request.findsHolders { report.profile = allocations?.tree() }
    return (report, facts)
  }
}

/// What each phase took.
struct PhaseClock {
  private(set) var phases: [ReportModel.Phase] = []
  private var start = ContinuousClock.now

  mutating func finish(_ name: String) {
    let now = ContinuousClock.now
    phases.append(ReportModel.Phase(name: name, nanoseconds: TimeSpan(now - start).nanoseconds))
    start = now
  }
}
