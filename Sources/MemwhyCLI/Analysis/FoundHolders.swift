import HeapGraph
import ProcessImage
import Symbols

/// Who holds what: of all blocks, or of a sample of them where there was no room to follow all.
enum FoundHolders {
  case all(HeapHolders)
  case sampled(SampledHolders)

  /// Looks while the image can still be read.
  ///
  /// - Parameters:
  ///   - comparesContents: whether equal copies are asked for, which reads every block.
  ///   - progress: what is done, and the share of it, 0...1.
  /// - Throws: `HoldersError.notMarked` where the heap was only counted; `MemoryError`.
  init(
    _ analysis: HeapAnalysis, image: ProcessImage, symbols: any SymbolSource, comparesContents: Bool,
    progress: @escaping (String, Double) -> Void
  ) throws {
    if analysis.sampling != nil {
      self = .sampled(
        try SampledHolders(analysis: analysis, image: image, symbols: symbols) {
          progress("finding holders of a sample", $0)
        })
    } else {
      self = .all(
        try HeapHolders(
          analysis: analysis, image: image, symbols: symbols, comparesContents: comparesContents
        ) { progress(HeapInspection.Phase.holders.rawValue, $0) })
    }
  }
}
