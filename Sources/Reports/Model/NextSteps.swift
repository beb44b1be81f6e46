import HeapGraph
import Measurement

/// What to do about what was found, in code terms: one rule a kind of finding.
enum NextSteps {
  typealias Group = ReportModel.LeakGroup

  static func steps(target: ReportModel.Target, heap: ReportModel.Heap, leaks: ReportModel.Leaks) -> [String] {
    guard leaks.isJudged else { return notJudged(target: target) }
    // Groups that one change mends are told once.
    var steps: [String] = []
    for step in leaks.groups.prefix(3).map(fix) where !steps.contains(step) { steps.append(step) }
    if leaks.groups.count > 3 {
      steps.append("Then the other \(Count(leaks.groups.count - 3).of("group")); `memwhy leaks` lists them all.")
    }
    if let failed = heap.failedChecks.first, !leaks.groups.isEmpty {
      steps.insert(
        "Look again: a self-check of the heap failed (\(failed.name)), so a thread may have been caught inside malloc.",
        at: 0)
    }
    if leaks.groups.isEmpty {
      steps.append(inUse(target))
    } else if let first = leaks.groups.first {
      steps.append(
        "If one of these is meant to be so, put `leak:\(pattern(for: first))` with a comment above it into "
          + ".memwhy-suppressions.")
    }
    return steps
  }

  /// Nothing is leaked, and one look does not say whether anything grows.
  private static func inUse(_ target: ReportModel.Target) -> String {
    if target.source == .core {
      let file = target.corePath ?? "FILE"
      return "If memory grew, what grew is in use: `memwhy retained --core \(file)` says who holds it."
    }
    let process = target.pid.map { "\($0)" } ?? "PID"
    return "If memory grows, what grows is in use: `memwhy \(process)` watches it and says what grows, "
      + "`memwhy retained \(process)` who holds what is there."
  }

  static func afterCensus() -> [String] {
    [
      "Run it again later: the type whose count rose is what grows. `memwhy retained` says who holds it, "
        + "`memwhy leaks` what of it nothing uses any more."
    ]
  }

  private static func notJudged(target: ReportModel.Target) -> [String] {
    switch target.source {
    case .running:
      [
        "Only a process that stands still for an instant can be judged: run it with `--freeze cow`, or with `--freeze stop` on the host."
      ]
    case .frozen, .stopped, .core:
      [
        "The types are counted all the same: run it again later, and the type whose count rose is what grows. `memwhy doctor` shows "
          + "what is missing for a judgement."
      ]
    }
  }

  private static func fix(_ group: Group) -> String {
    if group.isFollowed == false {
      return
        "`\(group.type)`: there was no memory left to see what holds these blocks: each other in a cycle, or nothing. Run `memwhy leaks` once more "
        + "where there is more room, on the host or under a higher limit: it names the field to change."
    }
    return switch group.kind {
    case .cycle: CycleAdvice(group).text
    case .lostTask: lostTask(group)
    case .chain where group.type == TypedHeap.emptySideTableName:
      "Side tables (\(group.type)): a weak reference has one, and these were never ended. Memory with a `weak` variable in it was freed "
        + "or overwritten as plain bytes. Look for `deallocate()` without `deinitialize(count:)` before it, and for `memcpy`."
    case .chain:
      "`\(group.type)`: it was retained once more than it was released, or its owner let the pointer go. Look for "
        + "Unmanaged.passRetained, a missing release or deallocate, and for C code that took it over."
    case .native where group.type.contains("std::shared_ptr<"):
      "`\(group.type)`: shared pointers that hold each other, or one that was never destroyed. Make one of a ring a `std::weak_ptr`, or "
        + "`reset()` it when it is done."
    case .native where group.type == TypedHeap.runtimeWarningsName:
      "The \(group.type) about lost continuations: each keeps the text of all before it. They end where no continuation is dropped any more."
    case .native where group.type == "OS_dispatch_group":
      "`DispatchGroup`: an `enter()` to which no `leave()` came, so that the group never ends, nor what waits for it: the closure of `notify` and what "
        + "that captures. Call `leave()` on every path, errors included."
    case .native:
      "Native blocks (\(group.type)): memory of C or C++ code, or allocated by hand. Look for the missing free, deallocate "
        + "or destroy call."
    }
  }

  private static func lostTask(_ group: Group) -> String {
    let place = group.waitsIn.map { "`\($0)`" } ?? "an async function"
    if let next = group.waitsFor, next.hasPrefix("Async"), next.contains(".next(") {
      return
        "\(place): it waits for the next element of a stream that nobody but the leak itself can end. Call `finish()` when what feeds the stream "
        + "goes, and let the task capture weakly (`[weak self]`) who keeps the continuation, or cancel it."
    }
    if let task = group.waitsFor, TaskGroup.isAnothersEnd(task) {
      return
        "\(place): each of these tasks waits for the end of one that waits for it, or is that task itself. Let one go on without `await`ing the "
        + "other's `value`, and keep no handle of a task where the task itself awaits it."
    }
    return
      "\(place): a continuation was dropped without being resumed. Resume it on every path, errors and cancellation "
      + "(withTaskCancellationHandler) included."
  }

  private static func pattern(for group: Group) -> String {
    guard let edge = CycleAdvice(group).named.first else {
      return group.waitsIn ?? group.type
    }
    return edge.source + edge.fieldSuffix
  }
}
