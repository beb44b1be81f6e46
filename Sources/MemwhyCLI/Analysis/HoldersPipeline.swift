import HeapGraph
import Malloc
import Measurement
import ProcessImage
import Reports
import Symbols
import Synchronization
import Timeline

/// process -> image -> heap -> graph with holders -> one question. The image lives until the question is answered.
enum HoldersPipeline {
  typealias Question = (HeapHolders, ProcessImage, any SymbolSource, inout HoldersAnswer) throws -> Void
  /// What is answered from a sample, where there is no room for everything.
  typealias SampledQuestion = (SampledHolders, inout HoldersAnswer) -> Void

  /// - Parameters:
  ///   - question: asked while the copy is still there.
  ///   - sampled: nil where nothing less than everything is an answer.
  /// - Throws: `CLIError` only.
  static func answer(
    _ request: AnalysisRequest, progress: Progress, sampled: SampledQuestion? = nil, _ question: Question
  ) throws(CLIError) -> HoldersAnswer {
    let allocations =
      request.verb == "retained"
      ? SampledAllocations(of: request.target, debugDirectories: request.debugDirectories, progress: progress) : nil
    progress.update("taking an image")
    let start = Clocks.monotonic
    let source = try ImageSource.open(request, progress: progress)
    // However this ends: the copy must not outlive the command.
    defer { source.release() }
    progress.update("reading symbols")
    let symbols = ImageSymbols(source.image, debugDirectories: request.debugDirectories)
    let times = PhaseTimes()
    do {
      var options = HeapAnalysis.Options(
        keepsReferences: true, allocations: allocations?.stacks(before: start), room: .now(for: request.target))
      options.takesSample = sampled != nil
      options.isRoomGone = InspectionRoom.watch(for: request.target)
      let analysis = try HeapInspection.run(source.image, symbols: symbols, options: options) { phase, share in
        times.enter(phase.rawValue)
        progress.update(phase.rawValue, share)
      }
      var answer = HoldersAnswer(
        tool: ReportModel.Tool(version: Version.current), verb: request.verb, image: source.image,
        corePath: source.corePath, remarks: source.image.remarks + analysis.heap.walk.remarks + analysis.remarks)
      times.enter(HeapInspection.Phase.holders.rawValue)
      let found = try FoundHolders(
        analysis, image: source.image, symbols: symbols, comparesContents: request.verb == "duplicates"
      ) { progress.update($0, $1) }
      switch found {
      case .sampled(let holders):
        answer.remarks.append(holders.remark(analysis))
        // Without `sampled` the analysis takes none.
        sampled?(holders, &answer)
      case .all(let holders):
        times.enter("answering")
        progress.update("answering")
        try question(holders, source.image, symbols, &answer)
      }
      answer.phases = times.finish()
      answer.remarks += source.release()
      return answer
    } catch let error as HoldersError {
      switch error {
      case .notMarked: throw CLIError.notPermitted("\(error)")
      case .noSuchType, .noBlock, .noSuchHolder, .severalHolders: throw CLIError.noInput("\(error)")
      }
    } catch { throw source.explain(error) }
  }

  /// Analyses, prints, and ends.
  static func run(
    _ verb: String, target: TargetOptions, output: OutputOptions, page: PageOptions? = nil,
    sampled: SampledQuestion? = nil, _ question: Question
  ) throws {
    try page?.check()
    let terminal = Terminal.current()
    let progress = Progress(isEnabled: terminal.showsProgress && !output.quiet, isQuiet: output.quiet)
    defer { progress.finish() }
    let answer = try answer(try target.request(verb: verb), progress: progress, sampled: sampled, question)
    progress.finish()
    if output.json {
      try Terminal.output(json: answer)
    } else {
      Terminal.output(HoldersText(style: terminal.style(output.color), options: output.text).render(answer))
    }
    // Last: a page that cannot be written must not cost the answer.
    try page?.write { try HTMLReport().render(answer) }
  }
}

/// When the work went from one part to the next.
private final class PhaseTimes: Sendable {
  private let entered = Mutex<[(name: String, start: ContinuousClock.Instant)]>([])

  /// The first call with a name starts its part.
  func enter(_ name: String) {
    entered.withLock { if $0.last?.name != name { $0.append((name, .now)) } }
  }

  /// Ends the last part.
  func finish() -> [ReportModel.Phase] {
    entered.withLock { list in
      let ends = list.dropFirst().map(\.start) + [.now]
      return zip(list, ends).map { ReportModel.Phase(name: $0.name, nanoseconds: TimeSpan($1 - $0.start).nanoseconds) }
    }
  }
}
