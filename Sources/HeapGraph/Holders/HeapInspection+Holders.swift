import ProcessImage
import Symbols

extension HeapInspection {
  /// Runs the whole analysis and builds the tree of holders on it.
  ///
  /// - Throws: what `run` throws; `HoldersError.notMarked` where reachability cannot be told.
  public static func holders(
    _ image: ProcessImage, symbols: any SymbolSource, workerCount: Int = 2, allocations: AllocationStacks? = nil,
    room: InspectionRoom? = nil,
    progress: (@Sendable (Phase, Double) -> Void)? = nil
  ) throws -> HeapHolders {
    let analysis = try run(
      image, symbols: symbols,
      options: HeapAnalysis.Options(
        workerCount: workerCount, keepsReferences: true, allocations: allocations, room: room),
      progress: progress)
    return try HeapHolders(analysis: analysis, image: image, symbols: symbols) { progress?(.holders, $0) }
  }
}
