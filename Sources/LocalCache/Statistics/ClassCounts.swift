/// Counts by part of the log and class of reuse. As many classes have memory as were ever counted, in steps of sixteen: hits of a key that was just before are
/// all in the first ones.
struct ClassCounts {
  private var counts: [UInt16] = []
  /// Classes that have memory.
  private var width = 0
  private let parts: Int

  init(parts: Int) { self.parts = parts }

  mutating func add(part: Int, reuse: Int) {
    if reuse >= width { widen(for: reuse) }
    let place = part * width + reuse
    if counts[place] < .max { counts[place] += 1 }
  }

  private mutating func widen(for reuse: Int) {
    let wider = min((reuse / 16 + 1) * 16, max(ReuseClass.count, reuse + 1))
    var larger = [UInt16](repeating: 0, count: parts * wider)
    for part in 0..<parts {
      for reuse in 0..<width { larger[part * wider + reuse] = counts[part * width + reuse] }
    }
    (counts, width) = (larger, wider)
  }

  /// By class.
  subscript(part: Int) -> ArraySlice<UInt16> { counts[part * width..<(part + 1) * width] }

  mutating func clear(part: Int) { for index in part * width..<(part + 1) * width { counts[index] = 0 } }

  mutating func removeAll() { (counts, width) = ([], 0) }

  /// All counts times a factor.
  mutating func scale(_ factor: Double) {
    for index in counts.indices { counts[index] = UInt16(min((Double(counts[index]) * factor).rounded(), 65_535)) }
  }

  /// So many parts become one, beginning with the one that is first from now on.
  mutating func merge(_ factor: Int, first: Int) {
    var merged = [UInt16](repeating: 0, count: counts.count)
    for old in 0..<parts {
      for reuse in 0..<width {
        let place = old / factor * width + reuse
        let sum = merged[place].addingReportingOverflow(counts[(old + first) % parts * width + reuse])
        merged[place] = sum.overflow ? .max : sum.partialValue
      }
    }
    counts = merged
  }
}
