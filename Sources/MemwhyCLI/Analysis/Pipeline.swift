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
    let books = mapped.map {
      ResidentBooks(image: source.image, analysis: analysis, mapped: $0, present: source.presentRanges)
    }
    let unwritten = source.presentRanges.map {
      UnwrittenBytes(analysis.heap.blocks, mappings: source.image.mappings, present: $0)
    }
    var facts = HeapFacts(
      analysis, time: time, books: books, threads: source.image.threads.count,
      pause: source.image.freeze?.measuredPause, unwritten: unwritten)
    facts.threadNames = NamedCounts.threads(source.image)
    if case .process(let pid) = request.target { facts.fileNames = NamedCounts.files(of: pid) }
    var remarks = source.whyRunning.map { [$0] } ?? []
    // Where leaks were asked for, it is said there.
    if analysis.isSurvey, let shortage = analysis.shortage, shortage != analysis.leaksNotJudged {
      remarks.append("blocks were counted by type only, not looked through: \(shortage)")
    }
    var held: HolderReport?
    if depth != .report && !analysis.isSurvey {
      held = hold(analysis, source, symbols, unwritten, request, depth, progress, &facts, &remarks)
      wasGivenUp = source.wasGivenUp
    }
    clock.finish("heap and graph")
    var letGo = request.triesTrim ? [tryTrim(analysis, source, symbols, progress, &facts)] : []
    letGo += source.release()
    clock.finish("release")
    if let load {
      facts.work = load.countAfterwards(at: copied).map { HeapFacts.Work(name: load.address.metric, count: $0) }
    }
    var report = ReportModel(
      tool: ReportModel.Tool(version: Version.current), verb: request.verb, image: source.image, analysis: analysis,
      corePath: source.corePath, remarks: source.image.remarks + letGo + remarks, phases: clock.phases)
    report.time = time
    report.holders = held.map { ReportModel.Tree($0) }
    report.localCaches = held?.localCaches
    report.heap.trimmedBytes = facts.books?.trimmed
    if request.findsHolders { report.profile = allocations?.tree() }
    return (report, facts)
  }

  /// Adds to `facts` what `malloc_trim` gives back in the copy.
  ///
  /// - Returns: what to say of it.
  private func tryTrim(
    _ analysis: HeapAnalysis, _ source: ImageSource, _ symbols: ImageSymbols, _ progress: Progress,
    _ facts: inout HeapFacts
  ) -> String {
    progress.update("trying a trim in the copy")
    let trim = source.tryTrim(symbols, isGlibc: !analysis.heap.walk.arenas.isEmpty)
    facts.books?.trimmed = trim.bytes
    return trim.remark
  }

  /// Adds to `facts` who holds what. Names are read from the copy; where that does not work, types still say what grew.
  ///
  /// - Returns: the tree for the report; nil where it could not be had, and `remarks` say why.
  private func hold(
    _ analysis: HeapAnalysis, _ source: ImageSource, _ symbols: ImageSymbols, _ unwritten: UnwrittenBytes?,
    _ request: AnalysisRequest, _ depth: Depth, _ progress: Progress, _ facts: inout HeapFacts,
    _ remarks: inout [String]
  ) -> HolderReport? {
    var held: HolderReport?
    if analysis.sampling != nil {
      return sample(analysis, source, symbols, request, progress, &facts, &remarks)
    }
    do {
      let graph = try HeapHolders(analysis: analysis, image: source.image, symbols: symbols) {
        progress.update("finding holders", $0)
      }
      graph.unwritten = unwritten
      held = try facts.add(graph, cut: request.findsHolders ? 0.001 : 0.005)
      do { try facts.addOutsidePointers(graph, source.image.mappings) } catch {
        remarks.append("who points into memory outside the heap was not looked for: \(source.reason(error))")
      }
      guard depth == .waste else { return held }
      do { try facts.addWaste(graph) } catch {
        remarks.append("equal copies and unused room were not looked for: \(source.reason(error))")
      }
    } catch HoldersError.notMarked(let reason) {
      remarks.append("who holds what was not looked for: \(reason)")
    } catch {
      remarks.append("who holds what could not be found: \(source.reason(error))")
    }
    return held
  }
}

extension Pipeline {
  /// Adds to `facts` who holds what there is most of, where there was no room to find out of everything.
  ///
  /// - Returns: the tree for the report; nil where it could not be had, and `remarks` say why.
  private func sample(
    _ analysis: HeapAnalysis, _ source: ImageSource, _ symbols: ImageSymbols, _ request: AnalysisRequest,
    _ progress: Progress, _ facts: inout HeapFacts, _ remarks: inout [String]
  ) -> HolderReport? {
    do {
      let sampled = try SampledHolders(analysis: analysis, image: source.image, symbols: symbols) {
        progress.update("finding holders of a sample", $0)
      }
      remarks.append(
        "who holds what was told from \(Count(sampled.sampled)) of \(Count(sampled.population)) blocks of the types with most memory, "
          + "of which \(Count(sampled.followed)) were followed to a root: numbers of blocks and bytes of holders are estimates"
          + (analysis.shortage.map { "; to look at all of them, \($0)" } ?? ""))
      return facts.add(sampled, cut: request.findsHolders ? 0.001 : 0.005)
    } catch {
      remarks.append("who holds what could not be found: \(source.reason(error))")
      return nil
    }
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
