import SwiftMetadata
import Testing

@testable import Diagnosis
@testable import HeapGraph

/// What grows in the tables of libraries is told with the change that the library's user can make.
struct LibraryPatternTests {
  private static let minute: Int64 = 60_000

  private func place(
    _ owner: String, content: (type: String, count: Int64)? = nil, entries: UInt64? = nil, element: String? = nil,
    behind: UInt64 = 500
  ) -> GrowingPlace {
    var place = GrowingPlace(
      path: ["[Item] storage"], types: ["[Item] storage"], growth: 3_000_000, retained: 4_000_000)
    place.owner = owner
    place.heldBy = "NIOPosix.singletonMTELG : NIOPosix.MultiThreadedEventLoopGroup"
    place.content = content?.type
    place.contentGrowth = content?.count ?? 0
    func container(_ entries: UInt64) -> ContainerSummary {
      ContainerSummary(
        kind: .array, keyType: nil, valueType: element, containers: 1, entries: entries, slots: entries,
        inlineBytes: entries * 8, behindBytes: entries * behind, emptyBytes: 0)
    }
    place.before = entries.map { container($0 / 4) }
    place.after = entries.map(container)
    return place
  }

  private func growth(_ rows: [(type: String, kind: String, count: UInt64)]) throws -> HeapGrowth {
    let last = HeapFacts(
      time: Self.minute,
      census: rows.map { .init(type: $0.type, kind: $0.kind, count: $0.count, bytes: $0.count * 100) })
    return try #require(HeapGrowth([HeapFacts(time: 0), last]))
  }

  @Test func scheduledTasksOfAnEventLoop() throws {
    let place = place("NIOPosix.SelectableEventLoop._scheduledTasks._heap.storage", entries: 4000)
    let pattern = try #require(CollectionPattern.find(place, growth([])))
    #expect(pattern.subject == "scheduled tasks of an event loop" && pattern.advice.contains("cancel()"))
    #expect(pattern.evidence.hasPrefix("3,000 more"))
    // What else hangs on a loop is none.
    #expect(
      try CollectionPattern.find(self.place("NIOPosix.SelectableEventLoop._tasks", entries: 4000), growth([])) == nil)
  }

  @Test func callbacksOfAFutureThatDoesNotComplete() throws {
    let place = place(
      "NIOCore.EventLoopFuture<()>._callbacks.furtherCallbacks", entries: 4000, element: "() -> NIOCore.CallbackList")
    let pattern = try #require(CollectionPattern.find(place, growth([])))
    #expect(pattern.subject == "callbacks of an EventLoopFuture" && pattern.advice.hasPrefix("complete the promise"))
    #expect(pattern.evidence.hasPrefix("3,000 more entries"))
    // The value that it has once it is complete is the program's.
    #expect(
      try CollectionPattern.find(self.place("NIOCore.EventLoopFuture<Table>._value", entries: 4000), growth([])) == nil)
  }

  @Test func subscribersOfASubject() throws {
    let place = place("OpenCombine.PassthroughSubject<String, Never>.downstreams.many", entries: 4000)
    let pattern = try #require(CollectionPattern.find(place, growth([])))
    #expect(pattern.subject == "subscribers of a subject" && pattern.advice.contains("AnyCancellable"))
    // Where their cancellables are kept as well, the table alone keeps none of them: each hangs on its own part of the subject.
    let kept = self.place(
      "OpenCombine.PassthroughSubject<Int, Never>.Conduit<OpenCombine.Subscribers.Sink<Int, Never>>.downstream",
      content: ("Session", 3000))
    #expect(try CollectionPattern.find(kept, growth([]))?.subject == "subscribers of a subject")
    // Operators between the subject and the sink are a part of the subscription; what the program keeps behind its sink is not.
    let operators = self.place(
      "OpenCombine.Publishers.Filter<Feed>.Inner<Sink>.state.connected", content: ("mutex", 3000))
    #expect(try CollectionPattern.find(operators, growth([]))?.subject == "subscribers of a subject")
    #expect(try CollectionPattern.find(self.place("Session.bytes", content: ("mutex", 3000)), growth([])) == nil)
  }

  @Test func statementsByTheirText() throws {
    let place = place("GRDB.Database.publicStatementCache.statements", entries: 4000)
    let pattern = try #require(CollectionPattern.find(place, growth([])))
    #expect(pattern.subject == "statements in a statement cache of GRDB" && pattern.advice.contains("arguments"))
    // What SQLite has for them hangs on the connection.
    let connection = self.place("GRDB.SerializedDatabase.db", content: ("untyped block", 38_000))
    #expect(try CollectionPattern.find(connection, growth([("GRDB.Statement", "class", 1900)]))?.count == 1900)
    #expect(try CollectionPattern.find(connection, growth([])) == nil)
  }

  /// What other libraries keep for each client goes with the client.
  @Test func whatOtherLibrariesKeepForClients() throws {
    let place = place("NIOCore.ChannelHandlerContext.inboundHandler", content: ("[Entry] storage", 4000))
    let clients = try growth([("GRPCCore.GRPCClient<Transport>", "class", 2000)])
    let pattern = try #require(CollectionPattern.table(of: "NIOCore", place, clients))
    #expect(pattern.advice.hasPrefix("make one GRPCClient") && CollectionPattern.isOfClients(pattern))
    let without = try #require(CollectionPattern.table(of: "NIOCore", place, growth([])))
    #expect(without.advice.hasPrefix("where NIOCore is a library") && !CollectionPattern.isOfClients(without))
  }

  /// An object that keeps the one before it, in a small table of its own.
  @Test func aChainOfContexts() throws {
    var place = place("Trail.previous._storage", content: ("Trail", 900), entries: 4000)
    #expect(CollectionPattern.find(place, try growth([("Trail", "class", 3000)])) == nil)
    place.after?.containers = 4000
    let pattern = try #require(CollectionPattern.find(place, growth([("Trail", "class", 3000)])))
    #expect(
      pattern.evidence.hasPrefix("3,000 more Trail, of which each leads by `previous._storage` to the one before"))
    place.owner = "Store.pages"
    #expect(CollectionPattern.find(place, try growth([("Trail", "class", 3000)])) == nil)
  }

  /// What hung on the entries hung on a thread as well at the first snapshot, and was counted there: the place says by how much it grew.
  @Test func entriesThatWereSharedAtFirstAreNoBiggerOnes() {
    var place = place("Feed.kept", entries: 4000, element: "Item", behind: 992)
    place.before?.behindBytes = 0
    let lines = CollectionWords(place, work: nil).lines
    #expect(
      lines.first == "1,000 -> 4,000 elements, 1000 B -> 1000 B each: more entries, not bigger ones", "\(lines)")
    place.growth = 3_990_000
    #expect(CollectionWords(place, work: nil).lines.first?.contains("8 B -> 1000 B each") == true)
  }

  @Test(arguments: ["GRDB.AnyDatabaseCancellable", "AnyCancellable", "any Disposable?"])
  func subscriptionsInAList(element: String) throws {
    let place = place("Feed.kept", entries: 4000, element: element)
    let closures = try growth([("closure context (Page)", "closureContext", 3000)])
    #expect(CollectionPattern.find(place, closures)?.advice.contains("cancel and remove") == true)
    // A shop's subscriptions are records, which nobody can cancel by dropping them.
    #expect(CollectionPattern.find(place, try growth([("Plan", "class", 3000)])) == nil)
    #expect(CollectionPattern.subscriptions(self.place("Feed.kept", entries: 4000, element: "CancellablePage")) == nil)
    let erased = self.place("Feed.kept", content: (element, 3000), entries: 4000, element: "AnyObject")
    #expect(CollectionPattern.subscriptions(erased) != nil)
  }

  /// Who waits for an answer is not helped by a bound.
  @Test(arguments: ["NIOCore.EventLoopPromise<NIOCore.ByteBuffer>", "CheckedContinuation<Reply, Never>"])
  func answersThatDoNotCome(element: String) throws {
    let pattern = CollectionPattern.find(self.place("Client.waiting", entries: 4000, element: element), try growth([]))
    #expect(pattern?.advice.contains("complete or resume") == true)
    let other = CollectionPattern.find(self.place("Client.seen", entries: 4000, element: "ReplyBox"), try growth([]))
    #expect(other == nil)
  }

  /// A promise may be one of an entry's properties: then as many tasks tell that it is waited at.
  @Test func answersThatAreAPropertyOfTheElements() throws {
    var place = place("Pool.callers", entries: 4000, element: "Caller")
    place.after?.promise = StoredField(path: "ready", offset: 8, typeName: "CheckedContinuation<Int, Never>")
    let pattern = try #require(CollectionPattern.answers(place, tasks: 3000))
    #expect(pattern.evidence.hasPrefix("its elements, Caller, have a CheckedContinuation<Int, Never> in `ready`: each"))
    #expect(CollectionPattern.answers(place, tasks: 12) == nil)
    #expect(CollectionPattern.find(place, try growth([])) == nil)
  }

  /// A closure that nobody removes keeps the object for which it works.
  @Test func closuresInAList() throws {
    let pages = try growth([("Page", "class", 3000)])
    let pattern = CollectionPattern.find(self.place("Bus.handlers", entries: 4000, element: "(Int) -> Void"), pages)
    #expect(pattern?.advice.contains("capture that object weakly") == true)
    #expect(pattern?.evidence.contains("with them came 3,000 more Page") == true, "\(String(describing: pattern))")
    #expect(CollectionPattern.find(self.place("Bus.pairs", entries: 4000, element: "(Int, Page)"), pages) == nil)
  }

  /// Operations that wait hang on each other, the first on a thread that runs it: a key of a thread is no name.
  @Test func operationsThatHangOnAThread() throws {
    var place = place(
      "closure context (Foundation.OperationQueue, Foundation.Operation).capture 1", content: ("[UInt8] storage", 3000))
    place.types = ["Foundation.BlockOperation", "closure context (Foundation.OperationQueue, Foundation.Operation)"]
    place.heldBy = "value of pthread key 3 in thread 4711"
    let pattern = try #require(CollectionPattern.find(place, growth([("Foundation.BlockOperation", "class", 3000)])))
    #expect(pattern.subject == "operations in an OperationQueue" && place.variable == nil)
  }

  /// Where a frame leads to the registrar's table itself, its elements say what it is.
  @Test func observationsByTheTableAlone() throws {
    var place = place("", entries: 4000, element: "Observation.ObservationRegistrar.State.Observation")
    place.owner = nil
    let pattern = try #require(CollectionPattern.find(place, growth([])))
    #expect(pattern.subject == "observers of an @Observable object")
  }

  /// Each of them weakly refers to an object that is well and alive, or is too large for an empty box.
  @Test func weakReferencesToLivingObjectsAreNoEmptyBoxes() throws {
    let box = place("Feed.kept", entries: 4000, element: "Box", behind: 96)
    let living = CollectionPattern.find(box, try growth([("weak reference side table", "sideTable", 3000)]))
    #expect(living == nil, "\(String(describing: living))")
    let tables = try growth([(TypedHeap.emptySideTableName, "sideTable", 3000)])
    #expect(CollectionPattern.find(box, tables)?.advice.hasPrefix("remove the empty boxes") == true)
    let large = CollectionPattern.find(place("Feed.kept", entries: 4000, element: "Listener", behind: 1200), tables)
    #expect(large == nil, "\(String(describing: large))")
  }

  /// Most data are whole: what they show is counted before they are called views.
  @Test(arguments: [("Data", BufferViewKind.data), ("NIOCore.ByteBuffer", .byteBuffer), ("Substring", .substring)])
  func onlyPartsAreViews(element: String, kind: BufferViewKind) throws {
    let place = place("Cache.bodies", entries: 4000, element: element, behind: 6000)
    func pattern(shown: UInt64?) throws -> CollectionPattern? {
      let pinned = shown.map { shown in
        PinnedBuffers(
          kind: kind, place: "[Int : \(element)] storage[value]", root: "", views: 3900, buffers: 3900,
          shownBytes: 3900 * shown, pinnedBytes: 3900 * 6000, savedBytes: 3900 * (6000 - shown))
      }
      let waste = WasteReport(
        reachableBytes: 40_000_000, duplicates: [], duplicateBytes: 0, spare: [], spareBytes: 0,
        pinned: pinned.map { [$0] } ?? [], pinnedBytes: 0)
      return CollectionPattern.find(place, try growth([]), waste)
    }
    #expect(try pattern(shown: 64)?.evidence.contains("3,900 of them show") == true)
    #expect(try pattern(shown: 5000) == nil)
    #expect(try pattern(shown: nil) == nil)
    // Not counted.
    #expect((CollectionPattern.find(place, try growth([])) != nil) == (element == "Substring"))
  }

  /// A part of a dense range that was looked at is no sparse one.
  @Test func aSampleOfADenseRangeIsDense() throws {
    var place = place("Cache.pages")
    var keys = ContainerSummary(
      kind: .dictionary, keyType: "Int", valueType: "Page", containers: 1, entries: 2_000_000, slots: 3_145_728,
      inlineBytes: 60_000_000, behindBytes: 0, emptyBytes: 0)
    keys.keys = KeySummary(
      kind: .integers, looked: 400_000, distinct: 400_000, lowest: 3, highest: 1_999_998, averageLength: nil,
      samples: [])
    place.after = keys
    let lines = CollectionWords(place, work: nil).lines
    #expect(lines.contains { $0.hasSuffix("all 400,000 looked at differ, a dense range") }, "\(lines)")
  }

  /// Timers hang on segments of libdispatch's table, which are fewer than they.
  @Test func timersAreCountedAndNotTheirTables() throws {
    var timers = place("", content: ("untyped block", 232))
    timers.owner = nil
    timers.path = ["_dispatch_timers_heap"]
    let pattern = try #require(
      CollectionPattern.find(timers, growth([("dispatch_source_type_timer", "native", 2250)])))
    #expect(pattern.count == 2250 && pattern.evidence.hasPrefix("2,250 more of them"), "\(pattern.evidence)")
  }

  /// The timer of a task that sleeps now and then holds all that the task has: then the timers are not what becomes more.
  @Test(arguments: [0, 1]) func whatHangsOnOneTimerIsNoTimer(more: UInt64) throws {
    var place = place("Directory.people", content: ("Payload", 3000), entries: 4000)
    place.path = ["_dispatch_timers_heap", "dispatch_source_type_after", ".people"]
    let pattern = CollectionPattern.find(
      place, try growth([("dispatch_source_type_after", "native", more), ("Payload", "class", 3000)]))
    #expect(pattern?.subject != "timers of libdispatch")
  }

  /// One observer, operation, block or timer whose object has a growing table: the table is what grows.
  @Test(arguments: [
    ("center : FoundationEssentials.NotificationCenter", "FoundationEssentials.NotificationCenter"),
    ("opq : Foundation.OperationQueue", "Foundation.OperationQueue"),
    ("dq : Dispatch.DispatchQueue", "Dispatch.DispatchQueue"), ("model : Model", "Observation.ObservationRegistrar"),
    ("value of pthread key 2 in the main thread", "Foundation.Timer"),
  ])
  func theProgramsTableIsNamedWhateverLeadsThere(holder: String, type: String) throws {
    var place = place("PriceBook.prices", content: ("Payload", 3000), entries: 4000, element: "Payload")
    place.heldBy = holder
    place.types = [type, "closure context", "PriceBook", "[Int : Payload] storage"]
    #expect(CollectionPattern.find(place, try growth([("Payload", "class", 3000)])) == nil)
    // What the closure has captured itself.
    place.owner = "closure context ([Int : Payload]).capture"
    #expect(CollectionPattern.find(place, try growth([("Payload", "class", 3000)])) == nil)
    // A list without a table.
    place.owner = "PriceBook.first"
    place.before = nil
    place.after = nil
    place.types = [type, "closure context", "PriceBook"]
    #expect(CollectionPattern.find(place, try growth([("Payload", "class", 3000)])) == nil)
  }

  /// Operations that have ended, in a list of the program's own, wait in no queue.
  @Test(arguments: ["Foundation.BlockOperation", "Foundation.Timer"]) func whatTheProgramKeepsWaitsNowhere(
    element: String
  ) throws {
    let place = place("History.done", content: (element, 3000), entries: 4000, element: "AnyObject")
    #expect(CollectionPattern.find(place, try growth([(element, "class", 3000)])) == nil)
  }

  /// Many observers: their table is the library's by what it is a table of. Timers: counted, since a run loop's list shows nothing.
  @Test func manyOfThemAreToldAsSuch() throws {
    var place = place(
      "", content: ("closure context ((τ_0_0) -> Void)", 3000), entries: 4000,
      element: "(FoundationEssentials.MessageBox) -> Void")
    place.owner = nil
    place.heldBy = "center : FoundationEssentials.NotificationCenter"
    let sessions = try growth([("Session", "class", 3000)])
    #expect(CollectionPattern.find(place, sessions)?.subject == "observers of a NotificationCenter")
    place.heldBy = "value of pthread key 2 in the main thread"
    place.types = ["Foundation.__NSCFType", "Foundation._NSCFArray", "untyped block"]
    (place.before, place.after, place.content, place.contentGrowth) = (nil, nil, nil, 0)
    #expect(CollectionPattern.find(place, sessions) == nil)
    let timers = try growth([("Foundation.Timer", "class", 3000)])
    #expect(CollectionPattern.find(place, timers)?.subject == "timers of a RunLoop")
  }

  /// The table is the library's, the objects that it works for are the program's.
  @Test func theProgramsClassBehindThemIsNamed() throws {
    let place = place("NIOPosix.SelectableEventLoop._scheduledTasks._heap.storage", entries: 4000)
    let rows = try growth([
      ("NIOPosix.RepeatedTask", "class", 3000), ("Session", "class", 3000), ("Page", "class", 9),
    ])
    #expect(CollectionPattern.find(place, rows)?.evidence.hasSuffix("; with them came 3,000 more Session") == true)
  }

  @Test func clientsOfWhichOneIsEnough() throws {
    let rows = try growth([("AsyncHTTPClient.HTTPClient", "class", 3406)])
    let pattern = CollectionPattern.find(
      place("AsyncHTTPClient.HTTP1Connection.channel", content: ("NIOCore.ByteBuffer._Storage", 6468)), rows)
    #expect(pattern?.evidence.hasPrefix("3,406 more AsyncHTTPClient.HTTPClient") == true)
    #expect(pattern?.advice.contains("HTTPClient.shared") == true)
    // A place of the program's own is told as such, whatever clients there are.
    #expect(CollectionPattern.find(place("Cache.pages", entries: 4000, element: "Page"), rows) == nil)
    // A pool of a few that was filled is none.
    let few = try growth([("AsyncHTTPClient.HTTPClient", "class", 4)])
    #expect(CollectionPattern.find(place("AsyncHTTPClient.HTTP1Connection.channel"), few) == nil)
  }

  // MARK: - Streams and tasks

  private func heap(_ time: Int64, _ holders: [(path: [String], type: String, count: UInt64, retained: UInt64)])
    -> HeapFacts
  {
    let bytes = holders[0].retained
    var facts = HeapFacts(
      time: time, census: [.init(type: "AsyncStream<Event>._Storage", kind: "class", count: bytes / 200, bytes: bytes)])
    facts.holders = holders.map {
      HeapFacts.Holder(path: $0.path, type: $0.type, count: $0.count, retained: $0.retained, root: .global)
    }
    return facts
  }

  /// Not a buffer that is full, but streams that nobody ends.
  @Test func moreStreamsAreNoFullerBuffer() throws {
    func level(_ time: Int64, _ count: UInt64) -> HeapFacts {
      let path = ["hub : Hub", ".subscribers"]
      return heap(
        time,
        [
          (["hub : Hub"], "hub : Hub", 1, count * 200), (path, "[Int : Continuation] storage", 1, count * 200),
          (path + ["[value]"], "AsyncStream<Event>._Storage", count, count * 190),
        ])
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [level(0, 100), level(Self.minute, 5100)])
    let found = try #require(BuffersRule.findings(evidence).first)
    #expect(found.title == "hub.subscribers, 5,000 more streams")
    #expect(found.advice.count == 1 && found.advice[0].contains("finish()"))
  }

  /// Who waits for elements is in a stream's storage, too: no element is.
  @Test func whoWaitsForElementsIsNoElement() throws {
    func level(_ time: Int64, _ count: UInt64) -> HeapFacts {
      let path = ["hub : Hub", "AsyncStream<Event>._Storage"]
      return heap(
        time,
        [
          (["hub : Hub"], "hub : Hub", 1, count * 200), (path, "AsyncStream<Event>._Storage", 1, count * 200),
          (path + [".state.continuations"], "[UnsafeContinuation<Event?, Never>] storage", count, count * 190),
        ])
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [level(0, 100), level(Self.minute, 5100)])
    let found = try #require(BuffersRule.findings(evidence).first)
    #expect(found.title.hasSuffix("5,000 more streams") && found.evidence[0].contains("those who wait"), "\(found)")
  }

  /// The buffer of `buffer(policy:)` is called by what it is, and not by what it buffers.
  @Test func aBufferedSequenceIsBoundedByItsPolicy() throws {
    func level(_ time: Int64, _ count: UInt64) -> HeapFacts {
      let storage = "AsyncAlgorithms.UnboundedBufferStorage<AsyncAlgorithms.AsyncChannel<Record>>"
      var facts = heap(time, [([storage], storage, 1, count * 200)])
      facts.holders?[0].owner = storage + ".stateMachine.buffer"
      facts.holders?[0].container = ContainerSummary(
        kind: .deque, keyType: nil, valueType: "Record", containers: 1, entries: count, slots: count,
        inlineBytes: count * 40, behindBytes: count * 160, emptyBytes: 0)
      return facts
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [level(0, 100), level(Self.minute, 5100)])
    let found = try #require(BuffersRule.findings(evidence).first)
    #expect(found.title.hasSuffix("the buffer of a buffered AsyncSequence"), "\(found.title)")
    #expect(found.evidence[1] == "100 -> 5,100 elements wait in it, 200 B each")
    #expect(found.advice[0].contains(".bounded(n)"))
  }

  /// What is published to several streams hangs on none of them alone.
  @Test func elementsOfSeveralBuffersAreBuffered() throws {
    func level(_ time: Int64, _ count: UInt64) -> HeapFacts {
      var facts = HeapFacts(
        time: time, census: [.init(type: "Event", kind: "class", count: count, bytes: count * 500)])
      facts.holders = [
        HeapFacts.Holder(
          path: ["Event"], type: "Event", count: count, retained: count * 500,
          owner: "AsyncStream<Event>._Storage.state.pending[…]", heldBy: "hub : Hub")
      ]
      return facts
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [level(0, 100), level(Self.minute, 5100)])
    let found = try #require(BuffersRule.findings(evidence).first)
    #expect(found.title.hasPrefix("hub -> AsyncStream<Event>._Storage.state.pending[…]"), "\(found.title)")
    #expect(CollectionRule.findings(evidence).isEmpty)
  }

  private func tasks(_ groups: [(functions: [String], isMain: [Bool], bytes: UInt64)]) throws -> Finding {
    func heap(_ time: Int64, _ count: Int) -> HeapFacts {
      var facts = HeapFacts(
        time: time, census: [.init(type: "Task", kind: "task", count: UInt64(count), bytes: UInt64(count) * 1000)])
      facts.tasks = groups.map { group in
        TaskGroup(
          state: .waitsForContinuation, functions: group.functions, locations: [],
          isOwn: group.functions.map { !$0.hasPrefix("with") }, isMain: group.isMain, relation: .own, tasks: count,
          lost: 0, handleOnly: 0, cancelled: 0, retainedBytes: UInt64(count) * group.bytes, holds: [], example: "")
      }
      return facts
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [heap(0, 10), heap(Self.minute, 3010)])
    return try #require(TasksRule.findings(evidence).first)
  }

  /// A request's tasks are as many as each other: the one that is in the program's function tells more than the library's that keeps most.
  @Test func tasksAreNamedByTheProgramsFunction() throws {
    let found = try tasks([
      (["withUnsafeThrowingContinuation(isolation:_:)", "NIOCore.Producer.next()"], [false, false], 9000),
      (["Clock.sleep(for:tolerance:)", "closure #1 in Chat.talk(_:)"], [false, true], 2000),
    ])
    #expect(
      found.title
        == "6,000 more live tasks, 3,000 of them suspended in closure #1 in Chat.talk(_:), there in Clock.sleep(for:tolerance:)",
      "\(found.title)")
    #expect(found.site == "closure #1 in Chat.talk(_:)")
  }

  /// Of a long chain those functions are told that are next to the program's.
  @Test func theStandardLibrarysInsideIsLeftOut() throws {
    let found = try tasks([
      (
        [
          "withUnsafeContinuation(isolation:_:)", "closure #1 in AsyncStream._Storage.next()",
          "withTaskCancellationHandler(operation:onCancel:isolation:)", "AsyncStream.Iterator.next(isolation:)",
          "Cart.run()", "closure #1 in Cart.start()",
        ], [false, false, false, false, true, true], 2000
      )
    ])
    #expect(
      found.title.hasSuffix("suspended in Cart.run(), there in AsyncStream.Iterator.next(isolation:)"), "\(found.title)"
    )
    #expect(
      found.evidence.first?.contains(
        "continuation: AsyncStream.Iterator.next(isolation:) <- Cart.run() <- closure #1 in Cart.start(), ") == true,
      "\(found.evidence)")
  }

  /// Time-outs that are cancelled: their jobs are what is there, in no function, and their timers.
  @Test func sleepsThatWereCancelledAreToldAsSuch() throws {
    func heap(_ time: Int64, _ count: Int) -> HeapFacts {
      var facts = HeapFacts(
        time: time, census: [.init(type: "Task", kind: "task", count: UInt64(count), bytes: UInt64(count) * 300)])
      facts.tasks = [
        TaskGroup(
          state: .timer, functions: [], locations: [], relation: .own, tasks: count, lost: 0, handleOnly: 0,
          cancelled: 0, retainedBytes: UInt64(count) * 300, holds: [], example: "")
      ]
      return facts
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [heap(0, 10), heap(Self.minute, 4010)])
    let found = try #require(TasksRule.findings(evidence).first)
    #expect(found.title == "4,000 more jobs of Task.sleep" && found.advice[0].contains("time-outs"), "\(found)")
    var timers = place("", content: ("dispatch_source_type_after", 4000))
    timers.owner = nil
    let pattern = try #require(CollectionPattern.waiting(timers, evidence.heapGrowth))
    #expect(pattern.subject == "timers of Task.sleep" && pattern.evidence.hasPrefix("4,000 more: "))
    // Timers of others beside a few sleepers are others'.
    timers.contentGrowth = 90_000
    #expect(CollectionPattern.waiting(timers, evidence.heapGrowth)?.subject == "timers of libdispatch")
  }

  @Test func tasksThatIterateAreToldToEndTheirStream() throws {
    let found = try tasks([
      (
        ["withUnsafeContinuation(isolation:_:)", "closure #1 in AsyncStream._Storage.next()", "Feed.follow()"],
        [false, false, true], 2000
      )
    ])
    #expect(found.advice.first?.contains("finish()") == true)
  }
}
