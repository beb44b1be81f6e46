/// Live Swift objects that become more: in use by the program's own account, so no leak, but without a bound.
///
/// Needs two snapshots. Compares types; what is unreachable belongs to the leak rule and is taken off.
struct LiveObjectsRule: Rule {
  private static let shown = 4
  static let swiftKinds: Set<String> = [
    "class", "arrayStorage", "dictionaryStorage", "setStorage", "stringStorage", "closureContext", "box", "error",
    "sideTable",
  ]

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let (first, last) = evidence.heapPair, let hours = evidence.heapHours else { return [] }
    let deltas = CensusDelta.rows(first, last) { swiftKinds.contains($0.kind) }
    let leaked = { (heap: HeapFacts) in Int64(heap.leaks?.reduce(0) { $1.kind == "native" ? $0 : $0 + $1.bytes } ?? 0) }
    let growth = deltas.reduce(0) { $0 + $1.bytes } - max(leaked(last) - leaked(first), 0)
    guard Double(growth) >= Evidence.material(0) / 4 else { return [] }
    let rising = deltas.filter { $0.bytes > 0 }.prefix(shown)
    let lines = rising.map {
      "\($0.type): +\(Say.count(Double(max($0.count, 0)))), +\(Say.bytes($0.bytes))"
    }
    if let place = GrowingPlace.find(first, last), Double(place.growth) >= 0.5 * Double(growth) {
      return [collection(place, growth: growth, hours: hours, lines: lines, evidence)]
    }
    // Storage says how, a class or a value says what.
    let name = (rising.first { $0.kind == "class" } ?? rising.first)?.type ?? "live objects"
    return [
      Finding(
        .liveObjects, title: rising.first?.type ?? name, site: name, confidence: evidence.growthConfidence,
        growth: growth,
        holds: last.bytes { swiftKinds.contains($0.kind) },
        evidence: ["live Swift objects grew by \(Say.bytes(growth)), \(Say.rate(Double(growth), hours: hours))"]
          + lines,
        advice: [
          "find the collection that holds \(name) and bound it: a limit on entries or age, or removal when the work is done"
        ],
        overturnedBy: "the count of these types stays or falls while the load is the same")
    ]
  }

  /// The same with the name of the place that keeps them.
  private static func collection(
    _ place: GrowingPlace, growth: Int64, hours: Double, lines: [String], _ evidence: Evidence
  ) -> Finding {
    var head = [
      "\(place.name) keeps \(Say.bytes(place.growth)) more than at the first snapshot, \(Say.rate(Double(place.growth), hours: hours))"
    ]
    if let content = place.content, place.contentGrowth > 0 {
      head.append(
        "it holds \(Say.count(Double(place.contentGrowth))) more \(content), \(Say.bytes(place.growth / place.contentGrowth)) each with what hangs on them"
      )
    }
    return Finding(
      .liveObjects, title: place.name, site: place.name, confidence: evidence.growthConfidence, growth: growth,
      holds: place.retained, evidence: head + lines,
      advice: [
        "bound \(place.name): a limit on entries or age, or removal when the work is done; if its keys hardly ever come again, drop it"
      ],
      overturnedBy: "what \(place.name) keeps stays or falls while the load is the same")
  }
}

/// What changed between two censuses.
enum CensusDelta {
  struct Row: Hashable {
    var type: String
    var kind: String
    var count: Int64
    var bytes: Int64
  }

  /// Rows that differ, largest growth first.
  static func rows(_ first: HeapFacts, _ last: HeapFacts, where include: (HeapFacts.Row) -> Bool) -> [Row] {
    var rows: [String: Row] = [:]
    for row in last.census where include(row) {
      rows[row.type] = Row(type: row.type, kind: row.kind, count: Int64(row.count), bytes: Int64(row.bytes))
    }
    for row in first.census where include(row) {
      var delta = rows[row.type] ?? Row(type: row.type, kind: row.kind, count: 0, bytes: 0)
      delta.count -= Int64(row.count)
      delta.bytes -= Int64(row.bytes)
      rows[row.type] = delta
    }
    return rows.values.filter { $0.bytes != 0 || $0.count != 0 }.sorted { ($0.bytes, $1.type) > ($1.bytes, $0.type) }
  }
}
