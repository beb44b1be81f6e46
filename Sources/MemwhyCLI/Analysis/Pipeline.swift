import HeapGraph
import Malloc
import Measurement
import ProcessImage
import Reports
import Symbols

/// The real thing: process -> image -> heap -> graph -> report.
struct Pipeline: Analyzer {
  func report(_ request: AnalysisRequest, progress: Progress) throws(CLIError) -> ReportModel {
    var clock = PhaseClock()
    progress.update("taking an image")
    let source = try ImageSource.open(request, progress: progress)
    // However this ends: the copy must not outlive the command.
    defer { source.release() }
    clock.finish("image")
    progress.update("reading symbols")
    let symbols = ImageSymbols(source.image, debugDirectories: request.debugDirectories)
    clock.finish("symbols")
    let analysis: HeapAnalysis
    do {
      analysis = try HeapInspection.run(
        source.image, symbols: symbols, options: HeapAnalysis.Options(findsLeaks: request.verb != "heap")
      ) { phase, share in progress.update(phase.rawValue, share) }
    } catch {
      throw source.explain(error)
    }
    clock.finish("heap and graph")
    let remarks = source.release()
    clock.finish("release")
    return ReportModel(
      tool: ReportModel.Tool(version: Version.current), verb: request.verb, image: source.image, analysis: analysis,
      corePath: source.corePath, remarks: source.image.remarks + remarks, phases: clock.phases)
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
