import Measurement

/// Memory that the program gave back and glibc keeps.
///
/// Two diseases with two cures. Many arenas: each thread's burst left its arena large, little is live in any of them. One pinned arena:
/// most of an arena is free, but a survivor near its end keeps the rest from shrinking; fewer arenas would change nothing.
struct RetentionRule: Rule {
  /// Below this part of resident memory, and below this many bytes, free memory is what every allocator keeps.
  static let fewest = 0.25
  static let negligible: UInt64 = 32 << 20

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let heap = evidence.heaps.last, heap.isExact, !heap.arenas.isEmpty else { return [] }
    let free = heap.books.map { UInt64(max($0[.allocatorFree], 0)) } ?? heap.freeBytes
    let resident = heap.books?.resident ?? (evidence.latest(.rss) ?? 0).saturatedAmount
    let growth = evidence.heapPair.flatMap { pair -> Int64? in
      guard let first = pair.first.books, let last = pair.last.books else { return nil }
      return last[.allocatorFree] - first[.allocatorFree]
    }
    let isLarge = free >= negligible && Double(free) >= fewest * Double(resident)
    guard isLarge || Double(growth ?? 0) >= Evidence.material(Double(resident)) else { return [] }
    if !isLarge, evidence.isYoung, let growth, growth < Self.firstHoles {
      return [warmUp(growth, heap, free: free, resident: resident)]
    }
    let others = heap.arenas.filter { !$0.isMain }
    let inOthers = others.reduce(0) { $0 + $1.free + $1.top }
    let all = max(heap.freeBytes, 1)
    let most = heap.arenas.map { $0.free + $0.top }.max() ?? 0
    // Spread over several arenas, none of which has most of it.
    let isMany = others.count >= 3 && Double(inOthers) > 0.5 * Double(all) && Double(most) < 0.6 * Double(all)
    return [
      Finding(
        isMany ? .manyArenas : .pinnedArena,
        title: isMany ? "\(heap.arenas.count) malloc arenas" : "one malloc arena with free memory that does not shrink",
        confidence: isLarge ? (heap.books?.trimmable == nil ? .likely : .certain) : evidence.growthConfidence,
        growth: growth, holds: free,
        evidence: lines(heap, free: free, resident: resident),
        advice: RetentionAdvice(heap, free: free, isMany: isMany).lines,
        overturnedBy: isMany
          ? "with MALLOC_ARENA_MAX=2 the process grows to the same size"
          : "malloc_trim(0), called in the process, gives back much less than is said here")
    ]
  }

  /// The first requests leave holes in each thread's arena, which the next ones use.
  private static let firstHoles: Int64 = 8 << 20
  private static let warmUpTitle = "free memory of the allocator"

  /// Whether a finding is this rule's, so that the growth of free memory is taken.
  static func isOwn(_ finding: Finding) -> Bool {
    finding.cause == .manyArenas || finding.cause == .pinnedArena || finding.title == warmUpTitle
  }

  private static func warmUp(_ growth: Int64, _ heap: HeapFacts, free: UInt64, resident: UInt64) -> Finding {
    Finding(
      .warmUp, title: warmUpTitle, confidence: .possible, growth: growth, holds: free,
      evidence: lines(heap, free: free, resident: resident),
      advice: ["nothing; look again when the process is some minutes old"],
      overturnedBy: "it goes on growing")
  }

  private static func lines(_ heap: HeapFacts, free: UInt64, resident: UInt64) -> [String] {
    let live = heap.arenas.reduce(0) { $0 + $1.live }
    var lines = [
      "\(Say.bytes(free)) of \(Say.bytes(resident)) resident memory is free and kept by the allocator; \(Say.bytes(live)) is live in its arenas"
    ]
    if let worst = heap.arenas.max(by: { $0.free + $0.top < $1.free + $1.top }) {
      lines.append(
        "the largest of \(heap.arenas.count) arenas: \(Say.bytes(worst.live)) live, \(Say.bytes(worst.free)) free between blocks, \(Say.bytes(worst.top)) at its end"
      )
    }
    if let trimmable = heap.books?.trimmable {
      lines.append("malloc_trim(0) would give back \(Say.bytes(trimmable)): whole pages in which nothing is live")
    }
    if let trimmed = heap.books?.trimmed {
      lines.append("malloc_trim(0), run in a copy of the process, gave back \(Say.bytes(trimmed))")
    }
    if let tops = heap.books?.threadTops, tops >= negligible / 8 {
      lines.append("\(Say.bytes(tops)) lie at the ends of threads' arenas, which malloc_trim leaves alone")
    }
    return lines
  }
}

/// Which setting helps, and what it costs.
struct RetentionAdvice {
  let heap: HeapFacts
  let free: UInt64
  let isMany: Bool

  init(_ heap: HeapFacts, free: UInt64, isMany: Bool) {
    self.heap = heap
    self.free = free
    self.isMany = isMany
  }

  var lines: [String] {
    var lines: [String] = []
    let trimmable = heap.books?.trimmed ?? heap.books?.trimmable ?? 0
    let tops = heap.books?.threadTops ?? 0
    if isMany {
      lines.append(
        "MALLOC_ARENA_MAX=2 in the environment: arenas are shared, so what one thread freed another one uses; the price is waiting for locks where many threads allocate at once"
      )
    }
    if trimmable * 2 >= free {
      lines.append(
        "malloc_trim(0) after the burst, from a timer or when idle: gives back \(Say.bytes(trimmable)) now; the price is the arenas' locks for some ms per 100 MiB, and page faults when the memory is used again"
      )
    }
    if tops * 4 >= free {
      lines.append(
        "MALLOC_TRIM_THRESHOLD_=131072: ends of arenas are given back when they are freed (the threshold rises by itself to twice the largest mapped block that was freed, up to 64 MiB); the price is a system call and page faults where a level goes up and down"
      )
    }
    if !isMany {
      lines.append(
        "MALLOC_MMAP_THRESHOLD_=131072: blocks above 128 KiB get mappings of their own, which free gives back at once, and no longer pin an arena; the price is a system call and fresh pages for each"
      )
      lines.append("make the peak smaller: stream large bodies instead of collecting them")
    } else {
      lines.append("or link jemalloc or mimalloc, which give memory back by themselves")
    }
    return lines
  }
}
