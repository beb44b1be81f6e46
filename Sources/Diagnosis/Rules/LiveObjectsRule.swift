/// Live Swift objects that become more without one place that keeps them: in use by the program's own account, so no leak.
///
/// Needs two snapshots. Compares types; what leaks, tasks and named places have taken is left out.
struct LiveObjectsRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let growth = evidence.heapGrowth, growth.isMaterial(growth.swiftRest) else { return [] }
    let rising = growth.rising(HeapGrowth.swiftKinds)
    // Storage says how, a class says what, unless it has hardly a part in it.
    let most = rising.first?.bytes ?? 0
    let name = (rising.first { $0.kind == "class" && $0.bytes >= most / 10 } ?? rising.first)?.type ?? "live objects"
    return [
      Finding(
        .liveObjects, title: name, site: name, confidence: evidence.growthConfidence, growth: growth.swiftRest,
        holds: evidence.heaps.last?.bytes { HeapGrowth.swiftKinds.contains($0.kind) } ?? 0,
        evidence: [
          "live Swift objects \(evidence.knowsHolders ? "that no single place keeps" : "(who holds them is not known)") grew by \(Say.bytes(growth.swiftRest)), \(Say.rate(Double(growth.swiftRest), hours: growth.hours))"
        ]
          + beside(growth.swiftRest, rising)
          + rising.map { "\($0.type): +\(Say.count(max($0.count, 0))), +\(Say.bytes($0.bytes))" },
        advice: [
          "`memwhy path \(Say.word(name)) PID` shows by which fields they are held; bound what is the same in all paths"
        ],
        overturnedBy: "the count of these types stays or falls while the load is the same")
    ]
  }

  /// Rows are of the whole heap, and places have taken a part of what is in them.
  static func beside(_ rest: Int64, _ rows: [CensusDelta.Row]) -> [String] {
    rows.reduce(0) { $0 + $1.bytes } > rest
      ? ["what is told by name above is a part of these, which are counted in the whole heap:"] : []
  }
}
