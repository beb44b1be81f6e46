import HeapGraph
import Measurement

/// Paths from roots, one line a shape.
struct PathText {
  let style: TextStyle
  let options: TextOptions

  func lines(_ report: PathReport) -> [String] {
    var head = "\(report.subject): \(Count(report.objects).of("object")), \(ByteCount(report.bytes))"
    head += ", held by \(Count(report.groups.count + report.otherGroups).of("path"))"
    if report.unreachable > 0 {
      head += "; no pointer leads to \(Count(report.unreachable)) of them (memwhy leaks)"
    }
    if let actors = report.actors { head += "; " + ActorText.line(actors) }
    var lines = style.wrap(TextStyle.printable(head + "."))
    guard !options.quiet, !report.groups.isEmpty else { return lines }
    lines += ["", style.paint("PATHS FROM ROOTS", .heading)]
    for (index, group) in report.groups.prefix(options.limit).enumerated() {
      var entry = ListEntry(
        style, index + 1,
        "\(Count(group.objects).of("object")), \(ByteCount(group.bytes)), retaining \(ByteCount(group.retainedBytes))")
      entry.add(group.text(whole: options.verbose))
      if options.showAddresses { entry.add(example: group.example) }
      lines += entry.lines
    }
    let rest = report.groups.dropFirst(options.limit)
    if !rest.isEmpty || report.otherGroups > 0 {
      let objects = rest.reduce(report.otherObjects) { $0 + $1.objects }
      lines += style.more(
        "\(Count(rest.count + report.otherGroups).of("more path")) to \(Count(objects).of("object")) "
          + "(--limit shows more)")
    }
    return lines
  }
}
