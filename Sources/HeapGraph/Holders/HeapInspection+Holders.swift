import ProcessImage
import Symbols

extension HeapInspection {
  /// Runs the whole analysis and builds the tree of holders on it.
  ///
  /// - Throws: what `run` throws; `HoldersError.notMarked` where reachability cannot be told.
  public static func holders(
    _ image: ProcessImage, symbols: any SymbolSource, workerCount: Int = 2, allocations: AllocationStacks? = nil,
    room: InspectionRoom? = nil, comparesContents: Bool = false,
    progress: (@Sendable (Phase, Double) -> Void)? = nil
  ) throws -> HeapHolders {
    var options = HeapAnalysis.Options(
      workerCount: workerCount, keepsReferences: true, allocations: allocations, room: room)
    options.takesSample = false
    let analysis = try run(image, symbols: symbols, options: options, progress: progress)
    return try HeapHolders(
      analysis: analysis, image: image, symbols: symbols, comparesContents: comparesContents
    ) { progress?(.holders, $0) }
  }
}
