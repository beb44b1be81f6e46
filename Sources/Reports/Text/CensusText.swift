import Measurement

/// Which types fill the heap.
struct CensusText {
  var style: TextStyle
  var options: TextOptions

  func lines(_ report: ReportModel) -> [String] {
    guard !report.census.isEmpty else { return [] }
    // The leaks come first in `diagnose`; a short census is enough there.
    let limit = report.verb == "diagnose" && !options.verbose ? min(options.limit, 10) : options.limit
    var table = TextTable([("BYTES", .right), ("SHARE", .right), ("COUNT", .right), ("TYPE", .left)])
    for row in report.census.prefix(limit) {
      table.add([
        ByteCount(row.bytes).description, Share(row.bytes, of: report.heap.bytes).description,
        Count(row.count).description, row.type,
      ])
    }
    var lines = ["", style.paint("HEAP BY TYPE", .heading)] + table.lines(style)
    let rest = report.census.dropFirst(limit)
    if !rest.isEmpty {
      let bytes = rest.reduce(UInt64(0)) { $0 &+ $1.bytes }
      let count = rest.reduce(UInt64(0)) { $0 &+ $1.count }
      let verb = report.verb == "diagnose" ? "memwhy heap lists them" : "--limit shows more"
      lines += style.more(
        "\(Count(rest.count).of("more type")): \(ByteCount(bytes)) in \(Count(count).of("block")) (\(verb))")
    }
    return lines
  }
}
