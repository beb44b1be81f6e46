import Foundation
for path in CommandLine.arguments.dropFirst() {
  let trace = try TraceFormat.load(path, format: nil)
  let sizes: [Int]
  switch trace.name {
  case "oltp": sizes = [250, 500, 1000, 2000, 8000]
  case "p3": sizes = [25000, 50000, 100000, 200_000]
  case "multi3": sizes = [500, 1000, 2000]
  case "gli": sizes = [500, 1000, 2000]
  default: sizes = [0.01, 0.05, 0.1, 0.2, 0.4].map { max(1, Int(Double(trace.distinct) * $0)) }
  }
  print(trace.name, trace.keys.count, trace.distinct)
  for size in sizes {
    var line = "\(size)".padding(toLength: 8, withPad: " ", startingAt: 0)
    for row in PolicyRow.all {
      let hits = row.hits(trace, size)
      line += "  \(row.name) " + String(format: "%.2f", 100 * Double(hits) / Double(trace.keys.count))
    }
    print(line)
  }
}
