import Diagnosis
import HeapGraph
import Measurement
import ProcessImage
import Reports
import Symbols
import Timeline

/// A heap that was walked and marked, and what is asked of it while its image can still be read.
struct Look {
  let request: AnalysisRequest
  let source: ImageSource
  let symbols: ImageSymbols
  let analysis: HeapAnalysis
  let progress: Progress
  /// Parts of blocks that nobody has written; nil where that is not known.
  let unwritten: UnwrittenBytes?
  /// What could not be found out, in sentences.
  private(set) var remarks: [String] = []

  init(
    request: AnalysisRequest, source: ImageSource, symbols: ImageSymbols, analysis: HeapAnalysis, progress: Progress
  ) {
    self.request = request
    self.source = source
    self.symbols = symbols
    self.analysis = analysis
    self.progress = progress
    unwritten = source.presentRanges.map {
      UnwrittenBytes(analysis.heap.blocks, mappings: source.image.mappings, present: $0)
    }
    if let reason = source.whyRunning { remarks.append(reason) }
    // Not twice: where leaks were asked for, their section says it.
    if analysis.isSurvey, let shortage = analysis.shortage, shortage != analysis.leaksNotJudged {
      remarks.append("blocks were counted by type only, not looked through: \(shortage)")
    }
  }

  /// Resident memory by holder.
  ///
  /// - Parameter mapped: nil for a core file, which does not say what was resident.
  func books(_ mapped: [MappedMemory]?) -> ResidentBooks? {
    mapped.map { ResidentBooks(image: source.image, analysis: analysis, mapped: $0, present: source.presentRanges) }
  }

  /// Adds to `facts` what `malloc_trim` gives back in the copy, which cannot be read afterwards.
  ///
  /// - Returns: what to say of it.
  func tryTrim(_ facts: inout HeapFacts) -> String {
    progress.update("trying a trim in the copy")
    let trim = source.tryTrim(symbols, isGlibc: !analysis.heap.walk.arenas.isEmpty)
    facts.books?.trimmed = trim.bytes
    return trim.remark
  }

  /// Smallest share of the reachable bytes that a holder is kept with.
  private var cut: Double { request.findsHolders ? 0.001 : 0.005 }

  /// Adds to `facts` who holds what. Names are read from the copy; where that does not work, types still say what grew.
  ///
  /// - Parameter withWaste: equal copies and unused room as well, which reads every block.
  /// - Returns: the tree for the report; nil where it could not be had, and `remarks` say why.
  mutating func addHolders(to facts: inout HeapFacts, withWaste: Bool) -> HolderReport? {
    do {
      let found = try FoundHolders(
        analysis, image: source.image, symbols: symbols, comparesContents: withWaste
      ) { [progress] in progress.update($0, $1) }
      switch found {
      case .all(let graph): return try add(graph, to: &facts, withWaste: withWaste)
      case .sampled(let sampled):
        remarks.append(sampled.remark(analysis))
        return facts.add(sampled, cut: cut)
      }
    } catch HoldersError.notMarked(let reason) {
      remarks.append("who holds what was not looked for: \(reason)")
    } catch {
      remarks.append("who holds what could not be found: \(source.reason(error))")
    }
    return nil
  }

  private mutating func add(
    _ holders: HeapHolders, to facts: inout HeapFacts, withWaste: Bool
  ) throws -> HolderReport {
    holders.unwritten = unwritten
    // First: what was read for it takes eight bytes a block, and is gone then.
    if withWaste { attempt("equal copies and unused room were") { try facts.addWaste(holders) } }
    let held = try facts.add(holders, cut: cut)
    let mappings = source.image.mappings
    attempt("who points into memory outside the heap was") { try facts.addOutsidePointers(holders, mappings) }
    return held
  }

  /// Does without a part that cannot be had, and says so: `subject` goes on with "not looked for".
  private mutating func attempt(_ subject: String, _ body: () throws -> Void) {
    do { try body() } catch { remarks.append("\(subject) not looked for: \(source.reason(error))") }
  }
}
