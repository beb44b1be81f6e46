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
        confidence: isLarge ? (heap.books?.trimmable == nil ? .likely : .certain) : .likely, growth: growth,
        holds: free,
        evidence: lines(heap, free: free, resident: resident), advice: advice(heap, isMany: isMany),
        overturnedBy: isMany
          ? "with MALLOC_ARENA_MAX=2 the process grows to the same size"
          : "malloc_trim(0), called in the process, gives back much less than is said here")
    ]
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
      lines.append(
        "\(Say.bytes(trimmable)) are whole pages in which nothing is live: what malloc_trim(0) would give back")
    }
    return lines
  }

  private static func advice(_ heap: HeapFacts, isMany: Bool) -> [String] {
    if isMany {
      return [
        "MALLOC_ARENA_MAX=2 in the environment bounds it; the price is waiting for locks where many threads allocate at once",
        "or link jemalloc or mimalloc; or call malloc_trim(0) after the burst (it takes the arenas' locks, some ms per 100 MiB)",
      ]
    }
    return [
      "call malloc_trim(0) after the burst (it takes the arenas' locks, some ms per 100 MiB); fewer arenas would not help",
      "MALLOC_MMAP_THRESHOLD_=131072 keeps large buffers out of the arenas; the price is a system call and fresh pages for each of them",
      "make the peak smaller: stream large bodies instead of collecting them",
    ]
  }
}
