import Foundation

/// The parts of `memwhy --json` that are measured here (docs/report-schema.md).
struct Report: Decodable {
  struct Freeze: Decodable {
    var measuredPauseNanoseconds: UInt64
    var predictedPauseNanoseconds: UInt64
  }
  struct Heap: Decodable {
    var blocks: Int
    var bytes: Int
  }
  struct Leaks: Decodable {
    var blocks: Int
    var isJudged: Bool
  }
  struct Phase: Decodable {
    var name: String
    var nanoseconds: UInt64
  }
  var freeze: Freeze?
  var heap: Heap
  var leaks: Leaks
  var phases: [Phase]

  static func leaks(_ memwhy: String, _ pid: pid_t) throws -> (Report, Finished) {
    let finished = try Child.run([memwhy, "leaks", "--json", "\(pid)"])
    guard finished.status == 0 else { throw Failure("memwhy ended with \(finished.status): \(finished.errors)") }
    return (try JSONDecoder().decode(Report.self, from: Data(finished.output.utf8)), finished)
  }
}

/// Prints rows under each other as a Markdown table.
func printTable(_ title: String, _ header: [String], _ rows: [[String]]) {
  print("\n\(title)\n")
  let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
  func line(_ cells: [String]) -> String {
    "| "
      + cells.indices.map { cells[$0].padding(toLength: widths[$0], withPad: " ", startingAt: 0) }.joined(
        separator: " | ") + " |"
  }
  print(line(header))
  print("|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|")
  for row in rows { print(line(row)) }
  fflush(nil)
}

func format(_ value: Double, _ digits: Int = 2) -> String { String(format: "%.\(digits)f", value) }

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
}
