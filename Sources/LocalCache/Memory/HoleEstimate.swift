/// Holes for each byte of the entries, from samples of them; older samples count less and less.
struct HoleEstimate: Sendable {
  private var blocks = 0.0
  private var holes = 0.0
  private var pages = 0.0

  /// One look at some entries: bytes of their blocks, of the holes before those, and of whole pages in the holes.
  mutating func add(blocks: Int, holes: GlibcChunk.Hole) {
    let memory = 0.8
    self.blocks = self.blocks * memory + Double(blocks)
    self.holes = self.holes * memory + Double(holes.bytes)
    pages = pages * memory + Double(holes.pages)
  }

  /// Bytes of holes for each byte of the entries.
  var ratio: Double { blocks > 0 ? holes / blocks : 0 }
  /// The same in pages that can be returned.
  var pageRatio: Double { blocks > 0 ? pages / blocks : 0 }

  /// How much of a limit to keep free, all in one unit.
  ///
  /// What counts is the sum of entries and holes. Fewer entries do not shrink the holes; they let new entries find room in them, so that the sum stops to
  /// grow. Therefore twice what is above the limit is kept free (with holes of a tenth, the sum settles at 3 % above it, where it would be 10 %), and a
  /// quarter at most: where the holes come from elsewhere, a cache that gives way for ever would help nobody.
  static func heldBack(limit: UInt64, entries: UInt64, holes: UInt64, before: UInt64) -> UInt64 {
    let sum = entries &+ min(holes, limit)
    let wanted = min(2 * (sum - min(sum, limit)), limit / 4)
    // In small steps, because each evicts; and not for every tremor of a sample.
    let step = limit / 200
    if wanted > before + step / 2 { return min(wanted, before + step) }
    if wanted + step / 2 < before { return max(wanted, before - min(before, step)) }
    return before
  }
}
