import HeapGraph

/// Live Swift tasks that become more: work that is begun faster than it ends, and finished tasks whose handles are kept.
///
/// Needs two snapshots. Lost tasks belong to the leaks.
struct TasksRule: Rule {
  private static let fewest = HeapGrowth.Tasks.fewest

  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let growth = evidence.heapGrowth, growth.taskBytes > 0 else { return [] }
    let groups = growth.tasks.filter { $0.more >= fewest }
    // Where the allocator does not say what is freed, old tasks that nobody keeps look like finished ones.
    let isKept = evidence.heaps.last?.isExact != false || !growth.taskPlaces.isEmpty
    let isSibling = hasSiblings(growth.tasks)
    let finished = isKept ? groups.filter { $0.group.state == .complete && !isSibling($0) } : []
    let waiting = groups.filter { $0.group.state != .complete || isSibling($0) }
    var findings: [Finding] = []
    if let worst = waiting.first {
      findings.append(finding(waiting, worst, growth, evidence))
    } else if finished.isEmpty, let bare = withoutGroups(growth, evidence) {
      findings.append(bare)
    }
    if let worst = finished.first { findings.append(self.finished(finished, worst, growth, evidence)) }
    return findings
  }

  /// Children that have ended of groups of which each has one or two: who has the group waits for something else, for the work beside whose time-out
  /// it is, say. Where that ends, all go.
  private static func hasSiblings(_ tasks: [HeapGrowth.Tasks]) -> (HeapGrowth.Tasks) -> Bool {
    { child in
      guard child.group.state == .complete, child.group.relation == .groupChild, let parent = child.group.parent else {
        return false
      }
      let parents = tasks.filter { $0.group.state != .complete && $0.group.functions.contains(parent) }
      return child.more <= 2 * parents.reduce(0) { $0 + $1.more }
    }
  }

  private static func finding(
    _ groups: [HeapGrowth.Tasks], _ worst: HeapGrowth.Tasks, _ growth: HeapGrowth, _ evidence: Evidence
  ) -> Finding {
    // The runtime's own helpers, such as what wakes a sleeper, have no function.
    let named = groups.filter { !$0.group.functions.isEmpty }
    if named.isEmpty, worst.group.state == .timer { return sleepers(groups, growth, evidence) }
    // Nor have tasks that have not begun: where they are by far the most, the others say little.
    let idle = groups.first { $0.group.functions.isEmpty && $0.group.state == .unstarted }
    let telling = telling(named)
    let isIdle = (telling?.more ?? 0) * Self.mostOfLibrary < idle?.more ?? 0
    let worst = (isIdle ? idle : telling) ?? worst
    let counted = groups.filter { !$0.group.functions.isEmpty || $0.group.state == .unstarted }
    let more = (counted.isEmpty ? groups : counted).reduce(0) { $0 + $1.more }
    let bytes = groups.reduce(0) { $0 + $1.counted } + growth.besideTasks
    let function = function(worst.group)
    let inner = called(worst.group)
    let site =
      queue(worst.group)
      ?? function.map { function in "suspended in \(function)" + (inner.map { ", there in \($0)" } ?? "") }
      ?? (worst.group.state == .unstarted ? "not yet begun" : worst.group.state.words)
    var lines = groups.prefix(4).map { tasks in
      let chain = chain(tasks.group).joined(separator: " <- ")
      return
        "+\(Say.count(tasks.more)) \(tasks.group.state.words)\(chain.isEmpty ? "" : ": \(chain)"), +\(Say.bytes(tasks.growth)) with what they keep"
    }
    if let place = growth.taskPlaces.first(where: isNamed) {
      lines.append("held by \(place.name)")
    } else if let root = worst.group.heldBy, !HeapFacts.isFrame(root) {
      lines.append("reached from \(root)")
    }
    if let location = location(worst.group) { lines.append("at \(location)") }
    let stuck = groups.reduce(0) { $0 + $1.group.handleOnly }
    if stuck > 0 {
      lines.append(
        "\(Say.count(stuck)) of them wait for a continuation that nobody has any more: only their handles are kept, so nothing can resume them"
      )
    }
    if growth.besideTasks >= 65_536 {
      lines.append("beside them \(Say.bytes(growth.besideTasks)) more hang at the same place: what they wait with")
    }
    lines.append("in all +\(Say.bytes(bytes)), \(Say.rate(Double(bytes), hours: growth.hours))")
    let answers = answers(to: worst, growth, evidence)
    // Each client has tasks of its own, which end with it.
    let clients = CollectionPattern.clients(growth, atLeast: worst.more / 2)
    if let clients { lines.append(clients.evidence) }
    return Finding(
      stuck * 2 > worst.group.tasks ? .lostTasks : .tasks,
      title:
        "\(Say.count(more)) more live tasks, \(worst.more * 2 > more ? "most" : "\(Say.count(worst.more)) of them") \(site)"
        + (answers.map { ", their continuations in \($0.place)" } ?? ""),
      site: function,
      confidence: evidence.growthConfidence, growth: bytes,
      holds: groups.reduce(0) { $0 + $1.held }, evidence: lines,
      advice: [
        stuck * 2 > worst.group.tasks
          ? LeakRule.resume
          : clients?.advice ?? answers?.advice ?? slowQueue(worst.group)
            ?? (sends(worst.group) ? slowConsumer : nil)
            ?? (groups.contains { $0.more * 2 >= worst.more && iterates($0.group) }
              ? endOfStream
              : "bound how many run at once (a task group with a limit), give them a deadline, and cancel them when their client goes")
      ], overturnedBy: "the number of live tasks falls back when the load does")
  }

  /// The table that has the continuations of these tasks, where they are to be resumed. A channel resumes its senders itself, when its consumer comes.
  private static func answers(
    to tasks: HeapGrowth.Tasks, _ growth: HeapGrowth, _ evidence: Evidence
  ) -> (place: String, advice: String)? {
    guard tasks.group.state == .waitsForContinuation, !sends(tasks.group) else { return nil }
    for place in growth.taskPlaces + growth.places where CollectionPattern.entries(place) * 2 >= tasks.more {
      if let pattern = CollectionPattern.answers(place, tasks: tasks.more) { return (place.name, pattern.advice) }
    }
    return table(of: tasks, evidence)
  }

  /// Continuations that came with the tasks, wherever the table of them hangs: most of the bytes are the tasks'.
  private static func table(
    of tasks: HeapGrowth.Tasks, _ evidence: Evidence
  ) -> (place: String, advice: String)? {
    guard let pair = evidence.heapPair, let holders = pair.last.holders else { return nil }
    let before = (pair.first.holders ?? []).firstByOwner
    let iterates = iterates(tasks.group)
    for place in holders {
      // A stream has a list of its own in each of its storages, from which it resumes by itself; so have other libraries' objects.
      guard let owner = place.owner, !owner.hasPrefix("Async"), pair.last.library(of: owner) == nil,
        let now = place.container, now.entries >= 8 * UInt64(clamping: now.containers),
        let element = (now.valueType ?? now.keyType).map({ String(CollectionPattern.unwrapped($0)) }),
        iterates ? isOfStream(element) : Promises.contain(element)
      else { continue }
      let more = Int64(clamping: now.entries) - Int64(clamping: before[owner]?.container?.entries ?? 0)
      if more * 2 >= tasks.more {
        return (owner, iterates ? endOfStream + takeOut(owner) : CollectionPattern.endWaits(owner))
      }
    }
    return nil
  }

  /// A frame that happens to have a word of it says nothing about who keeps it.
  private static func isNamed(_ place: GrowingPlace) -> Bool {
    place.rootKind != .stack && place.heldBy.map(HeapFacts.isFrame) != true
  }

  /// What tasks that are ready to run wait for; nil where they wait for a free thread only.
  private static func queue(_ group: TaskGroup) -> String? {
    group.queuedOn.map { type in
      "in the queue of \(kind(group)) \(type)" + (function(group).map { ", from \($0)" } ?? "")
    }
  }

  private static func kind(_ group: TaskGroup) -> String { group.queuedOnExecutor == true ? "executor" : "actor" }

  private static func slowQueue(_ group: TaskGroup) -> String? {
    guard let type = group.queuedOn else { return nil }
    return group.queuedOnExecutor == true ? slowExecutor(type) : slowActor(type)
  }

  private static func slowExecutor(_ executor: String) -> String {
    "executor \(executor) gets more jobs than it runs: let who begins them wait for the last one (`await` instead of a new Task for each), or drop work beyond a number that waits; where \(executor) is the program's own, see that it runs each job that is enqueued, and move blocking work out of what runs on it"
  }

  private static func slowActor(_ actor: String) -> String {
    "actor \(actor) gets more calls than it can do, one at a time: let who calls wait for it before taking the next piece of work (`await` instead of a new Task for each), or drop work beyond a number that waits; move blocking and slow work out of the actor"
  }

  /// No more tasks of the program, but jobs of its sleeps.
  private static func sleepers(_ groups: [HeapGrowth.Tasks], _ growth: HeapGrowth, _ evidence: Evidence) -> Finding {
    let more = groups.reduce(0) { $0 + $1.more }
    let bytes = groups.reduce(0) { $0 + $1.counted }
    return Finding(
      .tasks, title: "\(Say.count(more)) more jobs of Task.sleep", confidence: evidence.growthConfidence, growth: bytes,
      holds: groups.reduce(0) { $0 + $1.held },
      evidence: [
        CollectionPattern.sleeps.evidence,
        "in all +\(Say.bytes(bytes)), \(Say.rate(Double(bytes), hours: growth.hours))",
      ], advice: [CollectionPattern.sleeps.advice], overturnedBy: CollectionPattern.sleeps.overturnedBy)
  }

  /// Of groups that became equally many, as tasks of one request do, the one that is in a function of the program. A library may have several of its
  /// own for each of the program's.
  private static func telling(_ groups: [HeapGrowth.Tasks]) -> HeapGrowth.Tasks? {
    guard let largest = groups.first else { return nil }
    let own = groups.filter { $0.group.isMain?.contains(true) == true }
    return own.first { $0.more * 2 >= largest.more } ?? own.first { $0.more * Self.mostOfLibrary >= largest.more }
      ?? largest
  }

  private static let mostOfLibrary: Int64 = 8

  private static let streams = ["AsyncStream._Storage.next", "AsyncThrowingStream._Storage.next", "AsyncChannel"]
  private static let endOfStream =
    "they wait for the next element of a stream: call `finish()` on its continuation when what it reports on is over, and cancel the task when its client goes"

  /// A subscriber as who publishes keeps it: `AsyncStream<Int>.Continuation`.
  private static func isOfStream(_ type: String) -> Bool {
    (type.hasPrefix("AsyncStream<") || type.hasPrefix("AsyncThrowingStream<")) && type.hasSuffix(".Continuation")
  }

  private static func takeOut(_ place: String) -> String {
    "; take the continuation out of \(place) then, in its `onTermination`"
  }

  /// Functions in which a producer waits until a channel's consumer takes its element.
  private static let channels = ["ChannelStorage.send(", "AsyncChannel.send(", "AsyncThrowingChannel.send("]
  private static let slowConsumer =
    "they wait until the consumer of a channel takes their element: let the producer itself `await send` before it makes the next element, and begin no task for each; make the consumer quicker, or have several"

  private static func sends(_ group: TaskGroup) -> Bool {
    group.functions.prefix(4).contains { name in channels.contains(where: name.contains) }
  }

  /// Of a stream that a library iterates for itself nobody else can call `finish()`.
  private static func iterates(_ group: TaskGroup) -> Bool {
    group.isMain?.contains(true) != false
      && group.functions.prefix(3).contains { name in streams.contains(where: name.contains) }
  }

  private static let libraries = [
    "static Task.", "Task.", "Clock.", "static Clock.", "withTaskGroup", "withThrowingTaskGroup",
    "withCheckedContinuation",
    "withCheckedThrowingContinuation", "withUnsafeContinuation", "withUnsafeThrowingContinuation", "AsyncStream",
    "AsyncThrowingStream", "TaskGroup", "ThrowingTaskGroup", "static Sequence", "withTaskCancellationHandler",
  ]

  /// The function of the program that a group of tasks is in; where it is in none of the executable's, a library's.
  static func function(_ group: TaskGroup) -> String? {
    group.telling.map { group.functions[$0] } ?? own(group.functions)
  }

  /// What that function has called; nil where the task is suspended in it.
  private static func called(_ group: TaskGroup) -> String? {
    let functions = group.functions
    let index = group.telling ?? function(group).flatMap { functions.firstIndex(of: $0) } ?? 0
    return index > 0 ? functions[index - 1] : nil
  }

  /// The three functions that tell most: what the program's function has called, that function, and who waits for it.
  private static func chain(_ group: TaskGroup) -> ArraySlice<String> {
    group.functions.dropFirst(max((group.telling ?? 0) - 1, 0)).prefix(3)
  }

  /// Source line of the program's function, else of the innermost one that has one.
  private static func location(_ group: TaskGroup) -> String? {
    let own = group.telling.flatMap { $0 < group.locations.count ? group.locations[$0] : nil }
    return own.flatMap { $0.isEmpty ? nil : $0 } ?? group.locations.first { !$0.isEmpty }
  }

  /// The first function of the chain that is not the standard library's.
  private static func own(_ functions: [String]) -> String? {
    functions.first { name in !libraries.contains { name.hasPrefix($0) } } ?? functions.first
  }

  /// A finished task keeps its allocator's slabs as long as its handle is held.
  private static func finished(
    _ groups: [HeapGrowth.Tasks], _ worst: HeapGrowth.Tasks, _ growth: HeapGrowth, _ evidence: Evidence
  ) -> Finding {
    let more = groups.reduce(0) { $0 + $1.more }
    let bytes = groups.reduce(0) { $0 + $1.counted }
    let place = growth.taskPlaces.first
    let isOfGroup = worst.group.relation == .groupChild
    return Finding(
      .tasks,
      title: isOfGroup
        ? "\(Say.count(more)) more finished child tasks, whose results nobody takes out of the task group"
          + (worst.group.parent.map { " in \($0)" } ?? "")
        : "\(Say.count(more)) more finished tasks" + (place.map { ", kept by \($0.name)" } ?? ""),
      site: isOfGroup ? worst.group.parent : place?.name ?? worst.group.functions.first,
      confidence: evidence.growthConfidence, growth: bytes,
      holds: groups.reduce(0) { $0 + $1.held },
      evidence: [
        "\(Say.count(more)) more tasks have ended but are kept by \(isOfGroup ? "their group, which holds each until its result is taken" : "their handles"); each keeps its stack slabs beside its result: \(Say.bytes(bytes / max(more, 1))) a task",
        "in all +\(Say.bytes(bytes)), \(Say.rate(Double(bytes), hours: growth.hours))",
      ],
      advice: isOfGroup
        ? [
          "take results while children are added: `await group.next()` in the same loop; where results are not needed use `withDiscardingTaskGroup`, which lets each child go when it ends"
        ]
        : [
          "let handles of finished tasks go: remove a Task from the collection when its work is done, or use a discarding task group",
          "keep the result, not the task",
        ], overturnedBy: "the tasks are awaited later and their handles let go")
  }

  /// Blocks of tasks became more, but which tasks was not looked at.
  private static func withoutGroups(_ growth: HeapGrowth, _ evidence: Evidence) -> Finding? {
    let more = growth.rows.filter { $0.kind == "task" }.reduce(0) { $0 + $1.count }
    guard more >= fewest, growth.tasks.isEmpty else { return nil }
    return Finding(
      .tasks, title: "\(Say.count(more)) more live tasks", confidence: evidence.growthConfidence,
      growth: growth.taskBytes, holds: evidence.heaps.last?.bytes { HeapGrowth.taskKinds.contains($0.kind) } ?? 0,
      evidence: [
        "their frames and stacks grew by \(Say.bytes(growth.taskBytes)), \(Say.rate(Double(growth.taskBytes), hours: growth.hours))"
      ], advice: ["`memwhy tasks PID` lists them by the function in which they are suspended"],
      overturnedBy: "the number of live tasks falls back when the load does")
  }
}

extension TaskGroup.State {
  /// For sentences: `tasks that wait for a continuation`.
  var words: String {
    switch self {
    case .running: "tasks that run"
    case .enqueued: "tasks in a queue"
    case .unstarted: "tasks that have not begun"
    case .complete: "tasks that have ended"
    case .timer: "tasks that sleep"
    case .waitsForContinuation: "tasks that wait for a continuation"
    case .waitsForTask: "tasks that wait for another task"
    case .waitsForGroup: "tasks that wait for their child tasks"
    case .suspended: "tasks that are suspended"
    }
  }
}
