import HeapGraph
import Measurement

extension SampledHolders {
  /// On how much the answer rests, and what it would take to know better, in a sentence.
  func remark(_ analysis: HeapAnalysis) -> String {
    "who holds what was told from \(Count(sampled)) of \(Count(population)) blocks of the types with most memory, "
      + "of which \(Count(followed)) were followed to a root: numbers of blocks and bytes of holders are estimates"
      + (analysis.shortage.map { "; to look at all of them, \($0)" } ?? "")
  }
}
