import HeapGraph
import Measurement

/// Live tasks by what they do, and streams that nobody empties.
struct TaskText {
  let style: TextStyle
  let options: TextOptions

  func lines(_ report: TaskReport) -> [String] {
    guard report.tasks > 0 || !report.streams.isEmpty else { return ["No Swift task is alive."] }
    var lines = style.wrap("\(Self.numbers(report)), keeping \(ByteCount(report.retainedBytes)).")
    guard !options.quiet else { return lines }
    if !report.groups.isEmpty { lines += ["", style.paint("TASKS", .heading)] }
    for (index, group) in report.groups.prefix(options.limit).enumerated() { lines += self.lines(group, index + 1) }
    let rest = report.groups.dropFirst(options.limit)
    if !rest.isEmpty {
      lines += style.more("\(Count(rest.reduce(0) { $0 + $1.tasks }).of("more task")) (--limit shows more)")
    }
    if let actors = report.actors, !actors.isEmpty {
      lines += ["", style.paint("ACTORS ON WHICH JOBS WAIT", .heading)]
      for (index, actor) in actors.prefix(options.limit).enumerated() { lines += self.lines(actor, index + 1) }
      let rest = actors.dropFirst(options.limit)
      if !rest.isEmpty {
        lines += style.more("\(Count(rest.count).of("more type")) of actors (--limit shows more)")
      }
    }
    if !report.streams.isEmpty {
      lines += ["", style.paint("STREAMS WITH ELEMENTS THAT NOBODY HAS TAKEN", .heading)]
      for (index, stream) in report.streams.prefix(options.limit).enumerated() {
        lines += self.lines(stream, index + 1)
      }
      let rest = report.streams.dropFirst(options.limit)
      if !rest.isEmpty {
        lines += style.more("\(Count(rest.reduce(0) { $0 + $1.streams }).of("more stream")) (--limit shows more)")
      }
    }
    return lines
  }

  /// What `Task.sleep` leaves with the executor is a task to the runtime, but none that anybody has begun.
  private static func numbers(_ report: TaskReport) -> String {
    let timers = report.groups.filter { $0.state == .timer }
    let number = timers.reduce(0) { $0 + $1.tasks }
    let text =
      "\(Count(report.tasks - number).of("live task")) of \(Count(report.groups.count - timers.count).of("kind"))"
    return number == 0 ? text : text + " and \(Count(number).of("timer")) of Task.sleep"
  }

  private func lines(_ group: TaskGroup, _ position: Int) -> [String] {
    var text = "\(Count(group.tasks).of("task")) \(Self.state(group)), \(ByteCount(group.retainedBytes))"
    if group.cancelled > 0 { text += ", \(Count(group.cancelled)) cancelled" }
    var entry = ListEntry(style, position, text)
    if group.lost > 0 { entry.add("nobody can resume \(Count(group.lost)) of them: no pointer leads there") }
    if group.handleOnly > 0 {
      entry.add("nobody can resume \(Count(group.handleOnly)) of them: a Task handle is kept, the continuation is not")
    }
    for position in group.functions.indices.dropFirst((group.telling ?? 0) + 1)
    where group.isOwn(position) || options.verbose { entry.add("awaited by \(Self.place(group, position))") }
    if let relation = Self.relation(group) { entry.add(relation) }
    if !group.holds.isEmpty {
      entry.add(
        "holding "
          + group.holds.map { "\(Count($0.blocks)) x \($0.type) (\(ByteCount($0.bytes)))" }
          .joined(separator: ", "))
    }
    if let root = group.heldBy { entry.add("reached from \(root)") }
    if options.showAddresses { entry.add(example: group.example) }
    return entry.lines
  }

  private func lines(_ actor: BusyActors, _ position: Int) -> [String] {
    var entry = ListEntry(style, position, "\(actor.type): \(ActorText.line(actor.summary))", hangs: true)
    if let waiting = ActorText.waiting(actor.summary) { entry.add(waiting) }
    let which = actor.summary.actors > 1 ? "the busiest keeps" : "keeping"
    entry.add("\(which) \(ByteCount(actor.retainedBytes))" + (actor.heldBy.map { ", reached from \($0)" } ?? ""))
    if options.showAddresses { entry.add(example: actor.example) }
    return entry.lines
  }

  private func lines(_ stream: StreamBuffer, _ position: Int) -> [String] {
    let isOne = stream.streams == 1
    var entry = ListEntry(
      style, position,
      (isOne ? "" : "\(Count(stream.streams)) x ")
        + "\(stream.type): \(Count(stream.elements).of("element")), \(ByteCount(stream.bytes))"
        + (stream.heldBy.isEmpty ? "" : ", reached from \(stream.heldBy)"), hangs: true)
    let advice =
      switch stream.reader {
      case .task:
        isOne
          ? "a task's frame refers to it, so a reader may be there and not keep up: bound it with bufferingPolicy, or slow down what fills it"
          : "a task's frame refers to each, so readers may be there and not keep up: bound them with bufferingPolicy, or slow down what fills them"
      case .stored:
        isOne
          ? "no task iterates over it: start one, or finish the continuation"
          : "no task iterates over them: start one for each, or finish the continuations"
      case .none:
        isOne
          ? "only its continuation is left, so nobody can take these: finish the continuation"
          : "only their continuations are left, so nobody can take these: finish the continuations"
      }
    entry.add(advice)
    return entry.lines
  }

  private static func relation(_ group: TaskGroup) -> String? {
    let parent = group.parent.map { " in \($0)" } ?? ""
    switch group.relation {
    case .own: return nil
    case .asyncLet: return "an async let\(parent)"
    case .groupChild where group.state == .complete:
      return
        "children of a task group\(parent) that has not taken their results: call next(), or use a discarding group"
    case .groupChild: return "children of a task group\(parent)"
    }
  }

  /// A function with its source line.
  private static func place(_ group: TaskGroup, _ index: Int) -> String {
    let line = index < group.locations.count ? group.locations[index] : ""
    return group.functions[index] + (line.isEmpty ? "" : " (\(line))")
  }

  private static func state(_ group: TaskGroup) -> String {
    // A developer looks for the own function; what it called of the library comes second.
    let own = group.telling ?? 0
    var place = group.functions.isEmpty ? "" : " in \(place(group, own))"
    if own > 0 { place += ", in \(group.functions[own - 1])" }
    return switch group.state {
    case .running: "running\(place)"
    case .enqueued: (group.queuedOn.map { "queued on \($0)" } ?? "ready to run") + place
    case .unstarted: "not started yet" + (group.queuedOn.map { ", queued on \($0)" } ?? "") + place
    case .timer: "that \(group.tasks == 1 ? "is a timer" : "are timers") of Task.sleep"
    case .complete where group.relation == .groupChild: "complete, in a group\(place)"
    case .complete: "complete; a handle keeps the result\(place.isEmpty ? "" : " of" + place.dropFirst(3))"
    case .waitsForContinuation: "waiting for a continuation\(place)"
    case .waitsForTask: "waiting for another task\(place)"
    case .waitsForGroup: "waiting for a task group\(place)"
    case .suspended: "suspended\(place)"
    }
  }
}

extension TaskGroup {
  fileprivate func isOwn(_ index: Int) -> Bool { index < isOwn.count && isOwn[index] }
}
