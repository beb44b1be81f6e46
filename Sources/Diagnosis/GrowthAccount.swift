/// The growth of resident memory between two snapshots, put to causes: its rows add up to it, and what no cause takes is a row too.
struct GrowthAccount {
  var rows: [GrowthReport.Row] = []

  /// Causes whose bytes are not in resident memory but in the kernel and the page cache.
  private static let outside: Set<Cause> = [.descriptors, .pageCache, .kernel, .load, .warmUp, .steady, .unexplained]

  private static let mostShrunk = 3
  private static let usedAgain = "free memory of the allocator that was used again"

  /// Empty where there are no two snapshots with books.
  init(_ findings: [Finding], _ evidence: Evidence) {
    guard let pair = evidence.heapPair, let first = pair.first.books, let last = pair.last.books else { return }
    func change(_ holder: ResidentBooks.Holder) -> Int64 { last[holder] - first[holder] }
    let whole = Int64(clamping: last.resident) - Int64(clamping: first.resident)
    for finding in findings
    where !Self.outside.contains(finding.cause) || finding.cause == .warmUp && finding.growth != nil {
      // Of threads and shared memory only what is resident counts here.
      let growth: Int64? =
        switch finding.cause {
        case .threads: change(.stacks)
        case .sharedMemory: change(.shared)
        case .manyArenas, .pinnedArena: change(.allocatorFree)
        default: finding.growth
        }
      guard let growth, growth != 0 else { continue }
      if RetentionRule.isOwn(finding), growth < 0 {
        add("allocatorFree", Self.usedAgain, growth)
        continue
      }
      rows.append(.init(holder: finding.cause.rawValue, title: finding.title, bytes: growth, growth: nil))
    }
    for place in evidence.heapGrowth?.shrunkPlaces.prefix(Self.mostShrunk) ?? []
    where place.growth <= -HeapGrowth.negligible {
      rows.append(.init(holder: "less", title: "\(place.name), which keeps less", bytes: place.growth, growth: nil))
    }
    if !findings.contains(where: RetentionRule.isOwn) {
      let free = change(.allocatorFree)
      add(
        "allocatorFree", free < 0 ? Self.usedAgain : "free memory of the allocator",
        free)
    }
    add("allocatorOverhead", "the allocator's own", change(.allocatorOverhead))
    let untouched = Self.untouched(pair, change(.swiftObjects) + change(.nativeBlocks))
    if untouched.magnitude >= HeapGrowth.negligible {
      add(
        "notResident",
        untouched < 0
          ? "parts of new blocks that are not resident: never written, or in swap"
          : "parts of older blocks that have become resident", untouched)
    }
    let placed = rows.reduce(Int64(0)) { $0 + $1.bytes }
    let open = change(.unexplained)
    add("small", "changes too small for a cause", whole - placed - open)
    rows.append(.init(holder: "unexplained", title: "unexplained", bytes: open, growth: nil))
  }

  /// By how much more, or less, live blocks grew in resident memory than by what was written of them: the rest is in swap, or older captures
  /// do not know which parts nobody wrote.
  private static func untouched(_ pair: (first: HeapFacts, last: HeapFacts), _ resident: Int64) -> Int64 {
    guard pair.first.liveBytes > 0, pair.last.liveBytes > 0 else { return 0 }
    func written(_ heap: HeapFacts) -> Int64 {
      Int64(clamping: heap.liveBytes) - Int64(clamping: heap.census.reduce(UInt64(0)) { $0 &+ ($1.unwritten ?? 0) })
    }
    return resident - (written(pair.last) - written(pair.first))
  }

  private mutating func add(_ holder: String, _ title: String, _ bytes: Int64) {
    guard bytes != 0 else { return }
    rows.append(.init(holder: holder, title: title, bytes: bytes, growth: nil))
  }
}
