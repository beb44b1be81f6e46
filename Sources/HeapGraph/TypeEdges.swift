/// Which types refer to which: what tells, of the millions of blocks, those that can refer to a few.
///
/// Cork finds what grows in a summary like this one, of less than a hundredth of the heap (M. Jump, K. McKinley, "Cork: dynamic memory leak
/// detection for garbage-collected languages", POPL 2007). Adding is O(1); 8 bytes and some for each pair.
struct TypeEdges: Sendable {
  private var pairs: Set<UInt64> = []
  /// Those that came last, by some bits of theirs: in most heaps a handful comes again and again in turn.
  private var recent = ContiguousArray<UInt64>(repeating: .max, count: 64)

  @inline(__always)
  mutating func add(_ source: Int, _ target: Int) {
    let pair = UInt64(source) << 32 | UInt64(UInt32(truncatingIfNeeded: target))
    let place = (source &* 31 &+ target) & 63
    if pair == recent[place] { return }
    recent[place] = pair
    pairs.insert(pair)
  }

  mutating func add(_ other: TypeEdges) { pairs.formUnion(other.pairs) }

  /// Types of blocks that refer to blocks of some types. O(pairs).
  func sources(of targets: Set<Int>) -> Set<Int> {
    Set(pairs.lazy.filter { targets.contains(Int($0 & 0xffff_ffff)) }.map { Int($0 >> 32) })
  }
}
