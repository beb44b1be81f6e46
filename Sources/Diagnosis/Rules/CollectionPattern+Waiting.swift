import Measurement

/// What the libraries keep for a program until something happens: an event that does not come, or comes too seldom.
extension CollectionPattern {
  private struct Waiting: Sendable {
    var subject: String
    /// Begins of names of types on the way to what became more.
    var types: [String] = []
    /// Types of what became more, on whatever way.
    var contents: [String] = []
    var roots: [String] = []
    /// Fields that lead there: the begin of the type's name, and of the field's.
    var owners: [(type: String, field: String)] = []
    var evidence: String
    var advice: String
    var overturnedBy: String
  }

  static let statementCache = (
    evidence:
      "a statement for each text of SQL that was asked for with `cachedStatement`, and what SQLite has for it, as long as the connection lives",
    advice:
      "let values be arguments (`WHERE id = ?` with `arguments:`) and not part of the SQL's text, so that one statement serves all; for a text that comes once `makeStatement`, which keeps nothing",
    overturnedBy: "the same texts come again: then their number stays"
  )

  private static let kinds: [Waiting] = [
    Waiting(
      subject: "observers of a NotificationCenter", types: ["FoundationEssentials.NotificationCenter"],
      evidence: "observers: each keeps its closure, and what that captures, until it is removed",
      advice:
        "keep the token of `addObserver(forName:object:queue:using:)` and give it to `removeObserver` when the observing object goes, in its deinit at the latest; capture that object weakly",
      overturnedBy: "the observers are removed later: then their number falls"),
    Waiting(
      subject: "timers of libdispatch", contents: ["dispatch_source_type_after", "dispatch_source_type_timer"],
      roots: ["_dispatch_timers_heap"],
      evidence:
        "blocks of `asyncAfter` and timers that are not due: each keeps what it captures until its time, also where it was cancelled",
      advice:
        "make one timer for all that waits, not one a request, and capture only an identifier or a weak reference: `DispatchWorkItem.cancel()` keeps the block until its time, `DispatchSource.cancel()` lets it go",
      overturnedBy: "their time comes: then as many end as begin"),
    Waiting(
      subject: "scheduled tasks of an event loop", owners: [("NIOPosix.SelectableEventLoop", "._scheduledTasks")],
      evidence:
        "tasks that an event loop is to run later: each keeps its closure, and what that captures, until its time; a repeated one until it is cancelled",
      advice:
        "keep what `scheduleTask` and `scheduleRepeatedTask` return and call `cancel()` when the object that it works for goes, in `handlerRemoved` or `channelInactive` of a handler; capture that object weakly",
      overturnedBy: "their time comes: then as many end as begin"),
    Waiting(
      subject: "callbacks of an EventLoopFuture", owners: [("NIOCore.EventLoopFuture<", "._callbacks")],
      evidence:
        "callbacks of a future that has not completed: each keeps its closure, and what that captures, until it does",
      advice:
        "complete the promise on every path; to a future that lives as long as the service or a connection, its `closeFuture` say, add one callback and not one a request: let it go through a set from which each request removes itself",
      overturnedBy: "the future completes: then all of them go"),
    Waiting(
      subject: "statements in a statement cache of GRDB",
      owners: [("GRDB.Database.", "StatementCache.statements")],
      evidence: statementCache.evidence, advice: statementCache.advice, overturnedBy: statementCache.overturnedBy),
    Waiting(
      subject: "subscribers of a subject",
      owners: [
        // Operators between the subject and the sink.
        ("OpenCombine.Publishers.", "."),
        ("OpenCombine.PassthroughSubject", ".downstream"), ("OpenCombine.CurrentValueSubject", ".downstream"),
      ],
      evidence: "subscribers: each keeps its sink's closures, and what these capture, until it is cancelled",
      advice:
        "keep the `AnyCancellable` of `sink` in the object that it works for and capture that object weakly in the closures: it is cancelled when the object goes; a closure that captures `self` keeps both for ever",
      overturnedBy: "the subscribers are cancelled later: then their number falls"),
    Waiting(
      subject: "timers of a RunLoop", types: ["Foundation.Timer", "Foundation.__NSCFType"],
      contents: ["Foundation.Timer"],
      evidence: "timers: a run loop keeps each with its block until it has fired for the last time",
      advice: "call `invalidate()` when the object that the timer works for goes; capture that object weakly",
      overturnedBy: "their time comes: then as many end as begin"),
    Waiting(
      subject: "operations in an OperationQueue",
      types: ["Foundation.OperationQueue", "Foundation.Operation", "Foundation.BlockOperation"],
      contents: ["Foundation.BlockOperation", "Foundation.Operation"],
      evidence: "operations are added faster than they are finished",
      advice:
        "let those who add wait or be refused beyond a number that is waiting; `maxConcurrentOperationCount` says how many run at once, and a suspended queue runs none",
      overturnedBy: "the queue is empty at another moment: then it was a burst"),
    Waiting(
      subject: "blocks in a DispatchQueue", types: ["OS_dispatch_queue", "Dispatch.DispatchQueue"],
      contents: ["Block (malloc)"],
      evidence: "blocks are queued faster than they are run",
      advice:
        "let those who queue wait or be refused beyond a number that is waiting; make the work quicker, or the queue concurrent; look for a block that waits for something, and for a queue that is suspended",
      overturnedBy: "the queue is empty at another moment: then it was a burst"),
    Waiting(
      subject: "observers of an @Observable object", types: ["Observation.ObservationRegistrar"],
      evidence:
        "`withObservationTracking` keeps its onChange closure, and what that captures, until one of the properties that were read changes",
      advice:
        "do not begin a new tracking before the last one has ended by a change; capture weakly what the closure works for",
      overturnedBy: "the properties change now and then: then the observers go"),
  ]

  /// Foundation's cache gives nothing back by itself on Linux, and has no limit unless it is given one (swift-corelibs-foundation,
  /// Sources/Foundation/NSCache.swift: `countLimit` and `totalCostLimit` are 0, which means none).
  static func unboundedCache(_ place: GrowingPlace) -> CollectionPattern? {
    let name = "Foundation.NSCache"
    let isItsOwn = place.owner?.hasPrefix(name) == true
    let isOnWay = place.after == nil && place.types.contains { $0.hasPrefix(name) }
    guard entries(place) > 0, isItsOwn || isOnWay else { return nil }
    return CollectionPattern(
      subject: "entries of an NSCache", count: entries(place),
      evidence:
        "\(Say.count(entries(place))) more entries: an NSCache has no limit unless it is given one, and on Linux it gives nothing back when memory is short",
      advice:
        "set `countLimit`, or `totalCostLimit` and a cost with each `setObject(_:forKey:cost:)`; first ask whether it pays at all: if its keys hardly ever come again, remove it",
      overturnedBy: "it has a limit, and was filling up")
  }

  /// A time-out is mostly written as a task that sleeps, and is cancelled when the work is done first.
  static let sleeps = (
    evidence:
      "each `Task.sleep` has a timer and a job, which stay until its time, also where the sleep was cancelled: 100 time-outs of 30 s a second are 3,000 of them",
    advice:
      "make time-outs no longer than they have to be; keep one task that looks at the deadlines of all, and not one sleeping task for each request",
    overturnedBy: "their time comes: then as many end as begin"
  )

  /// The program's own class of which as many objects came as a library's table got entries: the entries work for these.
  static func companions(_ growth: HeapGrowth?, _ more: Int64) -> String {
    let row = growth?.rows.first { row in
      // Types of the executable have no module before them; those of the runtime begin with a line.
      row.kind == "class" && !row.type.prefix { $0 != "<" }.contains(".") && !row.type.hasPrefix("_")
        && more >= 32 && abs(row.count - more) <= more / 10
    }
    return row.map { "; with them came \(Say.count($0.count)) more \($0.type)" } ?? ""
  }

  /// A table in an object of another module, of which nothing else is known. The program cannot bound a library's table, but it can end what it opened or
  /// registered there. Whether the module is a library or one more of the program's own cannot be told.
  static func table(of module: String, _ place: GrowingPlace, _ growth: HeapGrowth) -> CollectionPattern? {
    let more = entries(place)
    guard more > 0 else { return nil }
    let clients = clients(growth, atLeast: more / 4)
    return CollectionPattern(
      evidence: "it belongs to an object of the module \(module)" + companions(growth, more)
        + (clients.map { "; " + $0.evidence } ?? ""),
      advice: clients?.advice
        ?? "where \(module) is a library, end what the program opened or registered there on every path, errors and time-outs included: `close()`, `finish()`, `cancel()` or remove it, whatever \(module) calls it; or set the limit that \(module) has for it",
      overturnedBy: "as many are ended as begin: then their number stays")
  }

  /// The growing table is the library's own: by the field that has it or, if none is known, by its elements.
  private static func isTable(of kind: Waiting, _ place: GrowingPlace) -> Bool {
    let modules = kind.types.map { $0.prefix { $0 != "." } + "." }
    if let owner = place.owner { return modules.contains { owner.hasPrefix($0) } }
    let elements = [place.after?.keyType, place.after?.valueType].compactMap { $0 }
    return modules.contains { module in elements.contains { $0.contains(module) } }
  }

  static func waiting(_ place: GrowingPlace, _ growth: HeapGrowth? = nil) -> CollectionPattern? {
    let holder = place.heldBy ?? ""
    func more(of kind: Waiting) -> Int64? {
      growth?.rows.reduce(Int64(0)) { sum, row in
        kind.contents.contains(where: row.type.hasPrefix) ? sum + row.count : sum
      }
    }
    // One of them may hold what grows, the timer of a task that sleeps now and then: then it is not they that become more.
    func becameMore(_ kind: Waiting) -> Bool {
      more(of: kind).map { $0 > 0 && $0 >= entries(place) / 2 } ?? true
    }
    let kind = kinds.first { kind in
      if kind.roots.contains(where: { place.path.first?.hasPrefix($0) == true }), becameMore(kind) { return true }
      if let owner = place.owner,
        kind.owners.contains(where: { owner.hasPrefix($0.type) && owner.contains($0.field) })
      {
        return true
      }
      // A table of the program's own says more, whatever of the library's leads there.
      if place.after != nil, place.rootKind == .global || !isTable(of: kind, place) { return false }
      if let content = place.content, kind.contents.contains(where: content.hasPrefix) { return true }
      let isOnWay = kind.types.contains { name in
        place.types.contains { $0.hasPrefix(name) } || holder.hasSuffix(" : " + name)
          // The library's table itself, where nothing of the object that has it is on the way.
          || place.after?.valueType?.hasPrefix(name + ".") == true
      }
      guard isOnWay, place.after == nil else { return isOnWay }
      // Without a table: what is counted, or else what lies in the library's object itself.
      return kind.contents.isEmpty
        ? kind.types.contains { place.types.last?.hasPrefix($0) == true } : becameMore(kind)
    }
    guard let kind else { return nil }
    // What they hang on is counted where they themselves are not next on the way: segments of a table, say.
    let known = more(of: kind)
    let isCounted = place.content.map { content in kind.contents.contains(where: content.hasPrefix) } ?? false
    let more = isCounted || place.after != nil ? entries(place) : max(known ?? 0, entries(place))
    let count = isCounted || more == entries(place) ? nil : more
    let sleepers = growth?.tasks.filter { $0.group.state == .timer }.reduce(Int64(0)) { $0 + $1.more } ?? 0
    if kind.contents.contains(where: { $0.hasPrefix("dispatch_source_type") }), sleepers > 0, sleepers * 2 >= more {
      return CollectionPattern(
        subject: "timers of Task.sleep", count: count,
        evidence: "\(Say.count(more)) more: " + sleeps.evidence, advice: sleeps.advice,
        overturnedBy: sleeps.overturnedBy)
    }
    return CollectionPattern(
      subject: kind.subject, count: count,
      evidence: (more > 0 ? "\(Say.count(Double(more))) more \(place.after == nil ? "of them" : "entries"): " : "")
        + kind.evidence + companions(growth, more),
      advice: kind.advice, overturnedBy: kind.overturnedBy)
  }
}
