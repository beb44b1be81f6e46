/// Live Swift tasks that become more: work that is begun faster than it ends.
struct TasksRule: Rule {
  private static let kinds: Set<String> = ["task", "taskSlab", "job"]
  private static let fewest: Int64 = 32

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let (first, last) = evidence.heapPair, let hours = evidence.heapHours else { return [] }
    let deltas = CensusDelta.rows(first, last) { kinds.contains($0.kind) }
    let lost = { (heap: HeapFacts) in heap.leaks?.filter { $0.kind == "lostTask" } ?? [] }
    let lostCount =
      Int64(lost(last).reduce(0) { $0 + $1.instances }) - Int64(lost(first).reduce(0) { $0 + $1.instances })
    let lostBytes = Int64(lost(last).reduce(0) { $0 + $1.bytes }) - Int64(lost(first).reduce(0) { $0 + $1.bytes })
    let count = deltas.filter { $0.kind == "task" }.reduce(0) { $0 + $1.count } - max(lostCount, 0)
    let growth = deltas.reduce(0) { $0 + $1.bytes } - max(lostBytes, 0)
    guard count >= fewest, growth > 0 else { return [] }
    let now = last.census.reduce(0) { $1.kind == "task" ? $0 + $1.count : $0 }
    return [
      Finding(
        .tasks, title: "\(Say.count(Double(count))) more live tasks", confidence: evidence.growthConfidence,
        growth: growth,
        holds: last.bytes { kinds.contains($0.kind) },
        evidence: [
          "\(Say.count(Double(now))) tasks are alive, \(Say.count(Double(count))) more than at the first snapshot",
          "their frames and stacks grew by \(Say.bytes(growth)), \(Say.rate(Double(growth), hours: hours))",
        ],
        advice: [
          "bound how many run at once (a task group with a limit), give them a deadline, and cancel them when their client goes"
        ], overturnedBy: "the number of live tasks falls back when the load does")
    ]
  }
}
