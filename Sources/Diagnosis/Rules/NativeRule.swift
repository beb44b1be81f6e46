/// Blocks without a Swift type that become more: C and C++ libraries, buffers that were allocated by hand.
struct NativeRule: Rule {
  private static let kinds: Set<String> = ["native", "unknown"]
  private static let shown = 4

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let (first, last) = evidence.heapPair, let hours = evidence.heapHours else { return [] }
    let deltas = CensusDelta.rows(first, last) { kinds.contains($0.kind) }
    let leaked = { (heap: HeapFacts) in Int64(heap.leaks?.reduce(0) { $1.kind == "native" ? $0 + $1.bytes : $0 } ?? 0) }
    let growth = deltas.reduce(0) { $0 + $1.bytes } - max(leaked(last) - leaked(first), 0)
    guard Double(growth) >= Evidence.material(0) / 4 else { return [] }
    let rising = deltas.filter { $0.bytes > 0 }.prefix(shown)
    return [
      Finding(
        .nativeGrowth, title: rising.first?.type ?? "native blocks", site: rising.first?.type,
        confidence: evidence.growthConfidence, growth: growth, holds: last.bytes { kinds.contains($0.kind) },
        evidence: [
          "blocks without a Swift type grew by \(Say.bytes(growth)), \(Say.rate(Double(growth), hours: hours))"
        ]
          + rising.map { "\($0.type): +\(Say.count(Double(max($0.count, 0)))) blocks, +\(Say.bytes($0.bytes))" },
        advice: ["the sizes point to the structure; a profile of allocations names the function that allocates them"],
        overturnedBy: "blocks of these sizes stay the same in number over a longer watch")
    ]
  }
}
