import Foundation

/// The hit ratios of all policies at all sizes, and how they are shown.
struct SimulationTable {
  let trace: Trace
  let sizes: [Int]
  let draws: SeedRange
  /// One row a size, one column a policy, in percent.
  let percent: [[Double]]

  init(trace: Trace, sizes: [Int], draws: SeedRange = SeedRange(), progress: (String, Int) -> Void) {
    self.trace = trace
    self.sizes = sizes
    self.draws = draws
    percent = sizes.map { size in
      PolicyRow.all.map { policy in
        progress(policy.name, size)
        return 100 * policy.meanHits(trace, size, draws: draws) / Double(max(trace.keys.count, 1))
      }
    }
  }

  private func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  var text: String {
    var lines = ["\(trace.name): \(trace.keys.count) accesses, \(trace.distinct) keys; hits in %"]
    let names = PolicyRow.all.map(\.name)
    lines.append(padded("entries", 9) + names.map { padded($0, max(9, $0.count + 2)) }.joined())
    for (size, row) in zip(sizes, percent) {
      let cells = zip(names, row).map { name, value in padded(String(format: "%.2f", value), max(9, name.count + 2)) }
      lines.append(padded("\(size)", 9) + cells.joined())
    }
    if sizes.count > 1, let column = names.firstIndex(of: Adaptive.name) {
      lines.append("")
      for (size, row) in zip(sizes, percent) {
        lines.append(
          padded("\(size)", 9) + " " + String(repeating: "#", count: Int(row[column] / 2))
            + String(format: " %.1f", row[column]))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  var json: String {
    zip(sizes, percent).map { size, row in
      let policies = zip(PolicyRow.all, row).map { "\"\($0.name)\":" + String(format: "%.4f", $1) }.joined(
        separator: ",")
      return
        "{\"trace\":\(Self.quoted(trace.name)),\"accesses\":\(trace.keys.count),\"keys\":\(trace.distinct),\"entries\":\(size),\"seed\":\(draws.first),\"draws\":\(draws.count),\"hitPercent\":{\(policies)}}"
    }.joined(separator: "\n")
  }

  /// A file's name may be anything.
  private static func quoted(_ text: String) -> String {
    let bytes = (try? JSONEncoder().encode(text)) ?? Data("\"\"".utf8)
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;")
  }

  /// Curves of hit ratio over size, on a logarithmic axis of sizes.
  var svg: String {
    let (width, height, margin) = (720.0, 420.0, 60.0)
    let low = log(Double(sizes.first ?? 1))
    let span = max(log(Double(sizes.last ?? 1)) - low, 1e-9)
    func x(_ size: Int) -> Double { margin + (log(Double(size)) - low) / span * (width - 2 * margin - 90) }
    func y(_ percent: Double) -> Double { height - margin - percent / 100 * (height - 2 * margin) }
    let colours = ["#888888", "#c2571a", "#2a7f62", "#9b8ec4", "#6a5acd", "#1f4e9c", "#000000"]
    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Int(width)) \(Int(height))\" font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
      "<text x=\"\(margin)\" y=\"24\">\(Self.escaped(trace.name)): hits in % over entries</text>",
    ]
    for mark in stride(from: 0.0, through: 100, by: 20) {
      parts.append("<path d=\"M\(margin) \(y(mark))H\(width - margin - 90)\" stroke=\"#dddddd\"/>")
      parts.append("<text x=\"\(margin - 30)\" y=\"\(y(mark) + 4)\">\(Int(mark))</text>")
    }
    // Sizes that lie near to each other would be written over each other.
    var free = 0.0
    for size in sizes where x(size) >= free {
      parts.append("<text x=\"\(x(size) - 14)\" y=\"\(height - margin + 20)\">\(size)</text>")
      free = x(size) + 8 * Double("\(size)".count) + 10
    }
    for (column, policy) in PolicyRow.all.enumerated() {
      let points = zip(sizes, percent).map { String(format: "%.1f,%.1f", x($0), y($1[column])) }.joined(separator: " ")
      let colour = colours[column % colours.count]
      let stroke = policy.name == Adaptive.name ? 3 : 1.5
      parts.append("<polyline points=\"\(points)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"\(stroke)\"/>")
      // One size alone is no line.
      for (size, row) in zip(sizes, percent) {
        parts.append(
          String(format: "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%@\"/>", x(size), y(row[column]), colour))
      }
      let place = margin + 18 * Double(column)
      parts.append("<text x=\"\(width - margin - 75)\" y=\"\(place)\" fill=\"\(colour)\">\(policy.name)</text>")
    }
    parts.append("</svg>")
    return parts.joined(separator: "\n") + "\n"
  }
}
