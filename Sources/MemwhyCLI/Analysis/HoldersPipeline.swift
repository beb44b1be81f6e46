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
  /// - Parameter question: asked while the copy is still there.
  /// - Throws: `CLIError` only.
  static func answer(
    _ request: AnalysisRequest, progress: Progress,
    _ question: (HeapHolders, ProcessImage, any SymbolSource, inout HoldersAnswer) throws -> Void
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
      let holders = try HeapInspection.holders(
        source.image, symbols: symbols, allocations: allocations?.stacks(before: start), room: .now(for: request.target)
      ) { phase, share in
        times.enter(phase.rawValue)
        progress.update(phase.rawValue, share)
      }
      times.enter("answering")
      var answer = HoldersAnswer(
        tool: ReportModel.Tool(version: Version.current), verb: request.verb, image: source.image,
        corePath: source.corePath,
        remarks: source.image.remarks + holders.analysis.heap.walk.remarks + holders.analysis.remarks)
      progress.update("answering")
      try question(holders, source.image, symbols, &answer)
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
    _ question: (HeapHolders, ProcessImage, any SymbolSource, inout HoldersAnswer) throws -> Void
  ) throws {
    try page?.check()
    let terminal = Terminal.current()
    let progress = Progress(isEnabled: terminal.showsProgress && !output.quiet, isQuiet: output.quiet)
    defer { progress.finish() }
    let answer = try answer(try target.request(verb: verb), progress: progress, question)
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
