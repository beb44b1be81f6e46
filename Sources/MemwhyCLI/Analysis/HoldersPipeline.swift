import HeapGraph
import Malloc
import Measurement
import ProcessImage
import Reports
import Symbols

/// process -> image -> heap -> graph with holders -> one question. The image lives until the question is answered.
enum HoldersPipeline {
  /// - Parameter question: asked while the copy is still there.
  /// - Throws: `CLIError` only.
  static func answer(
    _ request: AnalysisRequest, progress: Progress,
    _ question: (HeapHolders, ProcessImage, any SymbolSource, inout HoldersAnswer) throws -> Void
  ) throws(CLIError) -> HoldersAnswer {
    progress.update("taking an image")
    let source = try ImageSource.open(request, progress: progress)
    // However this ends: the copy must not outlive the command.
    defer { source.release() }
    progress.update("reading symbols")
    let symbols = ImageSymbols(source.image, debugDirectories: request.debugDirectories)
    do {
      let holders = try HeapInspection.holders(source.image, symbols: symbols) { phase, share in
        progress.update(phase.rawValue, share)
      }
      var answer = HoldersAnswer(
        tool: ReportModel.Tool(version: Version.current), verb: request.verb, image: source.image,
        corePath: source.corePath,
        remarks: source.image.remarks + holders.analysis.heap.walk.remarks + holders.analysis.remarks)
      progress.update("answering")
      try question(holders, source.image, symbols, &answer)
      answer.remarks += source.release()
      return answer
    } catch let error as HoldersError {
      switch error {
      case .notMarked: throw CLIError.notPermitted("\(error)")
      case .noSuchType, .noBlock: throw CLIError.noInput("\(error)")
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
    let progress = Progress(isEnabled: terminal.errorIsTerminal && !output.quiet, isQuiet: output.quiet)
    defer { progress.finish() }
    let answer = try answer(target.request(verb: verb), progress: progress, question)
    progress.finish()
    try page?.write { try HTMLReport().render(answer) }
    if output.json {
      do { Terminal.output(try JSONReport.render(answer)) } catch { throw CLIError.fault("\(error)") }
      return
    }
    let options = HoldersText.Options(
      limit: output.limit, verbose: output.verbose, quiet: output.quiet, showAddresses: output.showAddresses)
    Terminal.output(HoldersText(style: terminal.style(output.color), options: options).render(answer))
  }
}
