import Foundation

/// How LocalCache's policy does over many traces and sizes: the mean of every policy, and where LocalCache is behind.
struct SimulationSummary {
  /// Points by which it may be below the better of LRU and SIEVE, and below the best that does not know the future.
  private static let (margin, greatestGap) = (0.3, 2.0)

  private var rows: [(trace: String, size: Int, percent: [String: Double])] = []

  mutating func add(_ table: SimulationTable) {
    for (size, row) in zip(table.sizes, table.percent) {
      let percent = Dictionary(uniqueKeysWithValues: zip(PolicyRow.all.map(\.name), row))
      rows.append((table.trace.name, size, percent))
    }
  }

  private func best(_ percent: [String: Double], among names: (String) -> Bool) -> Double {
    percent.filter { names($0.key) }.values.max() ?? 0
  }

  var text: String {
    guard !rows.isEmpty else { return "" }
    var lines = ["mean of \(rows.count) pairs of trace and size, hits in %"]
    for policy in PolicyRow.all {
      let mean = rows.reduce(0) { $0 + ($1.percent[policy.name] ?? 0) } / Double(rows.count)
      lines.append(
        "  " + policy.name.padding(toLength: 16, withPad: " ", startingAt: 0) + String(format: "%6.2f", mean))
    }
    var behind = 0
    var far = 0
    var details: [String] = []
    for row in rows {
      let ours = row.percent[Adaptive.name] ?? 0
      let bar = best(row.percent) { $0 == LRU.name || $0 == Sieve.name }
      let top = best(row.percent) { $0 != Optimum.name && $0 != Adaptive.name }
      let isBehind = ours < bar - Self.margin
      let isFar = ours < top - Self.greatestGap
      behind += isBehind ? 1 : 0
      far += isFar ? 1 : 0
      if isBehind || isFar {
        details.append(
          String(format: "  %@ %d: %.2f, LRU and SIEVE %.2f, best %.2f", row.trace, row.size, ours, bar, top))
      }
    }
    lines.append("more than \(Self.margin) points below the better of LRU and SIEVE: \(behind)")
    lines.append("more than \(Self.greatestGap) points below the best of the others: \(far)")
    return (lines + details).joined(separator: "\n") + "\n"
  }
}
