import HeapGraph
import Measurement

/// Live tasks by what they do.
struct TaskText {
  let style: TextStyle
  let options: HoldersText.Options

  func lines(_ report: TaskReport) -> [String] {
    guard report.tasks > 0 else { return ["No Swift task is alive."] }
    var lines = style.wrap(
      "\(Count(report.tasks).of("live task")) of \(Count(report.groups.count).of("kind")), keeping \(ByteCount(report.retainedBytes))."
    )
    guard !options.quiet else { return lines }
    lines += ["", style.paint("TASKS", .heading)]
    for (index, group) in report.groups.prefix(options.limit).enumerated() {
      let number = "  \(index + 1). "
      let indent = String(repeating: " ", count: number.count)
      var text = "\(Count(group.tasks).of("task")) \(Self.state(group))"
      text += ", \(ByteCount(group.retainedBytes))"
      if group.cancelled > 0 { text += ", \(Count(group.cancelled)) cancelled" }
      if group.lost > 0 { text += "; nobody can resume \(Count(group.lost)) of them: no pointer leads there" }
      lines += style.wrap(TextStyle.printable(text), first: number, rest: indent)
      for caller in group.functions.dropFirst() {
        lines += style.wrap(TextStyle.printable("awaited by \(caller)"), first: indent, rest: indent + "  ")
      }
      if options.showAddresses { lines.append(indent + "for instance at \(group.example)") }
    }
    let rest = report.groups.dropFirst(options.limit)
    if !rest.isEmpty {
      lines.append("  and \(Count(rest.reduce(0) { $0 + $1.tasks }).of("more task")) (--limit shows more)")
    }
    return lines
  }

  private static func state(_ group: TaskGroup) -> String {
    let place = group.functions.first.map { " in \($0)" } ?? ""
    return switch group.state {
    case .running: "running\(place)"
    case .enqueued: "ready to run\(place)"
    case .unstarted: "not started yet\(place)"
    case .complete: "complete; a handle keeps the result"
    case .waitsForContinuation: "waiting for a continuation\(place)"
    case .waitsForTask: "waiting for another task\(place)"
    case .waitsForGroup: "waiting for a task group\(place)"
    case .suspended: "suspended\(place)"
    }
  }
}
