import SwiftMetadata
import Testing

@testable import Diagnosis
@testable import HeapGraph

/// What grows in the tables of libraries is told with the change that the library's user can make.
struct LibraryPatternTests {
  @Test func scheduledTasksOfAnEventLoop() throws {
    let place = GrowingPlace.at("NIOPosix.SelectableEventLoop._scheduledTasks._heap.storage", entries: 4000)
    let pattern = try #require(CollectionPattern.find(place, .of([])))
    #expect(pattern.subject == "scheduled tasks of an event loop" && pattern.advice.contains("cancel()"))
    #expect(pattern.evidence.hasPrefix("3,000 more"))
    // What else hangs on a loop is none.
    #expect(
      try CollectionPattern.find(.at("NIOPosix.SelectableEventLoop._tasks", entries: 4000), .of([])) == nil)
  }

  @Test func callbacksOfAFutureThatDoesNotComplete() throws {
    let place = GrowingPlace.at(
      "NIOCore.EventLoopFuture<()>._callbacks.furtherCallbacks", entries: 4000, element: "() -> NIOCore.CallbackList")
    let pattern = try #require(CollectionPattern.find(place, .of([])))
    #expect(pattern.subject == "callbacks of an EventLoopFuture" && pattern.advice.hasPrefix("complete the promise"))
    #expect(pattern.evidence.hasPrefix("3,000 more entries"))
    // The value that it has once it is complete is the program's.
    #expect(
      try CollectionPattern.find(.at("NIOCore.EventLoopFuture<Table>._value", entries: 4000), .of([])) == nil)
  }

  @Test func subscribersOfASubject() throws {
    let place = GrowingPlace.at("OpenCombine.PassthroughSubject<String, Never>.downstreams.many", entries: 4000)
    let pattern = try #require(CollectionPattern.find(place, .of([])))
    #expect(pattern.subject == "subscribers of a subject" && pattern.advice.contains("AnyCancellable"))
    // Where their cancellables are kept as well, the table alone keeps none of them: each hangs on its own part of the subject.
    let kept = GrowingPlace.at(
      "OpenCombine.PassthroughSubject<Int, Never>.Conduit<OpenCombine.Subscribers.Sink<Int, Never>>.downstream",
      content: ("Session", 3000))
    #expect(try CollectionPattern.find(kept, .of([]))?.subject == "subscribers of a subject")
    // Operators between the subject and the sink are a part of the subscription; what the program keeps behind its sink is not.
    let operators = GrowingPlace.at(
      "OpenCombine.Publishers.Filter<Feed>.Inner<Sink>.state.connected", content: ("mutex", 3000))
    #expect(try CollectionPattern.find(operators, .of([]))?.subject == "subscribers of a subject")
    #expect(try CollectionPattern.find(.at("Session.bytes", content: ("mutex", 3000)), .of([])) == nil)
  }

  @Test func statementsByTheirText() throws {
    let place = GrowingPlace.at("GRDB.Database.publicStatementCache.statements", entries: 4000)
    let pattern = try #require(CollectionPattern.find(place, HeapGrowth.of([])))
    #expect(pattern.subject == "statements in a statement cache of GRDB" && pattern.advice.contains("arguments"))
    // What SQLite has for them hangs on the connection.
    let connection = GrowingPlace.at("GRDB.SerializedDatabase.db", content: ("untyped block", 38_000))
    #expect(try CollectionPattern.find(connection, HeapGrowth.of([("GRDB.Statement", "class", 1900)]))?.count == 1900)
    #expect(try CollectionPattern.find(connection, HeapGrowth.of([])) == nil)
  }

  /// What other libraries keep for each client goes with the client.
  @Test func whatOtherLibrariesKeepForClients() throws {
    let place = GrowingPlace.at("NIOCore.ChannelHandlerContext.inboundHandler", content: ("[Entry] storage", 4000))
    let clients = try HeapGrowth.of([("GRPCCore.GRPCClient<Transport>", "class", 2000)])
    let pattern = try #require(CollectionPattern.table(of: "NIOCore", place, clients))
    #expect(pattern.advice.hasPrefix("make one GRPCClient") && CollectionPattern.isOfClients(pattern))
    let without = try #require(CollectionPattern.table(of: "NIOCore", place, HeapGrowth.of([])))
    #expect(without.advice.hasPrefix("where NIOCore is a library") && !CollectionPattern.isOfClients(without))
  }

  /// An object that keeps the one before it, in a small table of its own.
  @Test func aChainOfContexts() throws {
    var place = GrowingPlace.at("Trail.previous._storage", content: ("Trail", 900), entries: 4000)
    #expect(CollectionPattern.find(place, try HeapGrowth.of([("Trail", "class", 3000)])) == nil)
    place.after?.containers = 4000
    let pattern = try #require(CollectionPattern.find(place, HeapGrowth.of([("Trail", "class", 3000)])))
    #expect(
      pattern.evidence.hasPrefix("3,000 more Trail, of which each leads by `previous._storage` to the one before"))
    place.owner = "Store.pages"
    #expect(CollectionPattern.find(place, try HeapGrowth.of([("Trail", "class", 3000)])) == nil)
  }

  /// What hung on the entries hung on a thread as well at the first snapshot, and was counted there: the place says by how much it grew.
  @Test func entriesThatWereSharedAtFirstAreNoBiggerOnes() {
    var place = GrowingPlace.at("Feed.kept", entries: 4000, element: "Item", behind: 992)
    place.before?.behindBytes = 0
    let lines = CollectionWords(place, work: nil).lines
    #expect(
      lines.first == "1,000 -> 4,000 elements, 1000 B -> 1000 B each: more entries, not bigger ones", "\(lines)")
    place.growth = 3_990_000
    #expect(CollectionWords(place, work: nil).lines.first?.contains("8 B -> 1000 B each") == true)
  }

  @Test(arguments: ["GRDB.AnyDatabaseCancellable", "AnyCancellable", "any Disposable?"])
  func subscriptionsInAList(element: String) throws {
    let place = GrowingPlace.at("Feed.kept", entries: 4000, element: element)
    let closures = try HeapGrowth.of([("closure context (Page)", "closureContext", 3000)])
    #expect(CollectionPattern.find(place, closures)?.advice.contains("cancel and remove") == true)
    // A shop's subscriptions are records, which nobody can cancel by dropping them.
    #expect(CollectionPattern.find(place, try .of([("Plan", "class", 3000)])) == nil)
    #expect(CollectionPattern.subscriptions(.at("Feed.kept", entries: 4000, element: "CancellablePage")) == nil)
    let erased = GrowingPlace.at("Feed.kept", content: (element, 3000), entries: 4000, element: "AnyObject")
    #expect(CollectionPattern.subscriptions(erased) != nil)
  }

  /// Who waits for an answer is not helped by a bound.
  @Test(arguments: ["NIOCore.EventLoopPromise<NIOCore.ByteBuffer>", "CheckedContinuation<Reply, Never>"])
  func answersThatDoNotCome(element: String) throws {
    let pattern = CollectionPattern.find(.at("Client.waiting", entries: 4000, element: element), try .of([]))
    #expect(pattern?.advice.contains("complete or resume") == true)
    let other = CollectionPattern.find(.at("Client.seen", entries: 4000, element: "ReplyBox"), try .of([]))
    #expect(other == nil)
  }

  /// A promise may be one of an entry's properties: then as many tasks tell that it is waited at.
  @Test func answersThatAreAPropertyOfTheElements() throws {
    var place = GrowingPlace.at("Pool.callers", entries: 4000, element: "Caller")
    place.after?.promise = StoredField(path: "ready", offset: 8, typeName: "CheckedContinuation<Int, Never>")
    let pattern = try #require(CollectionPattern.answers(place, tasks: 3000))
    #expect(pattern.evidence.hasPrefix("its elements, Caller, have a CheckedContinuation<Int, Never> in `ready`: each"))
    #expect(CollectionPattern.answers(place, tasks: 12) == nil)
    #expect(CollectionPattern.find(place, try .of([])) == nil)
  }

  /// A closure that nobody removes keeps the object for which it works.
  @Test func closuresInAList() throws {
    let pages = try HeapGrowth.of([("Page", "class", 3000)])
    let pattern = CollectionPattern.find(.at("Bus.handlers", entries: 4000, element: "(Int) -> Void"), pages)
    #expect(pattern?.advice.contains("capture that object weakly") == true)
    #expect(pattern?.evidence.contains("with them came 3,000 more Page") == true, "\(String(describing: pattern))")
    #expect(CollectionPattern.find(.at("Bus.pairs", entries: 4000, element: "(Int, Page)"), pages) == nil)
  }

  /// Operations that wait hang on each other, the first on a thread that runs it: a key of a thread is no name.
  @Test func operationsThatHangOnAThread() throws {
    var place = GrowingPlace.at(
      "closure context (Foundation.OperationQueue, Foundation.Operation).capture 1", content: ("[UInt8] storage", 3000))
    place.types = ["Foundation.BlockOperation", "closure context (Foundation.OperationQueue, Foundation.Operation)"]
    place.heldBy = "value of pthread key 3 in thread 4711"
    let pattern = try #require(CollectionPattern.find(place, .of([("Foundation.BlockOperation", "class", 3000)])))
    #expect(pattern.subject == "operations in an OperationQueue" && place.variable == nil)
  }

  /// Where a frame leads to the registrar's table itself, its elements say what it is.
  @Test func observationsByTheTableAlone() throws {
    var place = GrowingPlace.at("", entries: 4000, element: "Observation.ObservationRegistrar.State.Observation")
    place.owner = nil
    let pattern = try #require(CollectionPattern.find(place, .of([])))
    #expect(pattern.subject == "observers of an @Observable object")
  }

  /// Each of them weakly refers to an object that is well and alive, or is too large for an empty box.
  @Test func weakReferencesToLivingObjectsAreNoEmptyBoxes() throws {
    let box = GrowingPlace.at("Feed.kept", entries: 4000, element: "Box", behind: 96)
    let living = CollectionPattern.find(box, try .of([("weak reference side table", "sideTable", 3000)]))
    #expect(living == nil, "\(String(describing: living))")
    let tables = try HeapGrowth.of([(TypedHeap.emptySideTableName, "sideTable", 3000)])
    #expect(CollectionPattern.find(box, tables)?.advice.hasPrefix("remove the empty boxes") == true)
    let large = CollectionPattern.find(.at("Feed.kept", entries: 4000, element: "Listener", behind: 1200), tables)
    #expect(large == nil, "\(String(describing: large))")
  }

  /// Most data are whole: what they show is counted before they are called views.
  @Test(arguments: [("Data", BufferViewKind.data), ("NIOCore.ByteBuffer", .byteBuffer), ("Substring", .substring)])
  func onlyPartsAreViews(element: String, kind: BufferViewKind) throws {
    let place = GrowingPlace.at("Cache.bodies", entries: 4000, element: element, behind: 6000)
    func pattern(shown: UInt64?) throws -> CollectionPattern? {
      let pinned = shown.map { shown in
        PinnedBuffers(
          kind: kind, place: "[Int : \(element)] storage[value]", root: "", views: 3900, buffers: 3900,
          shownBytes: 3900 * shown, pinnedBytes: 3900 * 6000, savedBytes: 3900 * (6000 - shown))
      }
      let waste = WasteReport(
        reachableBytes: 40_000_000, duplicates: [], duplicateBytes: 0, spare: [], spareBytes: 0,
        pinned: pinned.map { [$0] } ?? [], pinnedBytes: 0)
      return CollectionPattern.find(place, try .of([]), waste)
    }
    #expect(try pattern(shown: 64)?.evidence.contains("3,900 of them show") == true)
    #expect(try pattern(shown: 5000) == nil)
    #expect(try pattern(shown: nil) == nil)
    // Not counted.
    #expect((CollectionPattern.find(place, try .of([])) != nil) == (element == "Substring"))
  }

  /// A part of a dense range that was looked at is no sparse one.
  @Test func aSampleOfADenseRangeIsDense() throws {
    var place = GrowingPlace.at("Cache.pages")
    var keys = ContainerSummary(
      kind: .dictionary, keyType: "Int", valueType: "Page", containers: 1, entries: 2_000_000, slots: 3_145_728,
      inlineBytes: 60_000_000, behindBytes: 0, emptyBytes: 0)
    keys.keys = KeySummary(
      kind: .integers, looked: 400_000, distinct: 400_000, lowest: 3, highest: 1_999_998, averageLength: nil,
      samples: [])
    place.after = keys
    let lines = CollectionWords(place, work: nil).lines
    #expect(lines.contains { $0.hasSuffix("all 400,000 looked at are different, in a dense range") }, "\(lines)")
  }

  /// Timers hang on segments of libdispatch's table, which are fewer than they.
  @Test func timersAreCountedAndNotTheirTables() throws {
    var timers = GrowingPlace.at("", content: ("untyped block", 232))
    timers.owner = nil
    timers.path = ["_dispatch_timers_heap"]
    let pattern = try #require(
      CollectionPattern.find(timers, .of([("dispatch_source_type_timer", "native", 2250)])))
    #expect(pattern.count == 2250 && pattern.evidence.hasPrefix("2,250 more of them"), "\(pattern.evidence)")
  }

  /// The timer of a task that sleeps now and then holds all that the task has: then the timers are not what becomes more.
  @Test(arguments: [0, 1]) func whatHangsOnOneTimerIsNoTimer(more: UInt64) throws {
    var place = GrowingPlace.at("Directory.people", content: ("Payload", 3000), entries: 4000)
    place.path = ["_dispatch_timers_heap", "dispatch_source_type_after", ".people"]
    let pattern = CollectionPattern.find(
      place, try .of([("dispatch_source_type_after", "native", more), ("Payload", "class", 3000)]))
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
    var place = GrowingPlace.at("PriceBook.prices", content: ("Payload", 3000), entries: 4000, element: "Payload")
    place.heldBy = holder
    place.types = [type, "closure context", "PriceBook", "[Int : Payload] storage"]
    #expect(CollectionPattern.find(place, try .of([("Payload", "class", 3000)])) == nil)
    // What the closure has captured itself.
    place.owner = "closure context ([Int : Payload]).capture"
    #expect(CollectionPattern.find(place, try .of([("Payload", "class", 3000)])) == nil)
    // A list without a table.
    place.owner = "PriceBook.first"
    place.before = nil
    place.after = nil
    place.types = [type, "closure context", "PriceBook"]
    #expect(CollectionPattern.find(place, try .of([("Payload", "class", 3000)])) == nil)
  }

  /// Operations that have ended, in a list of the program's own, wait in no queue.
  @Test(arguments: ["Foundation.BlockOperation", "Foundation.Timer"]) func whatTheProgramKeepsWaitsNowhere(
    element: String
  ) throws {
    let place = GrowingPlace.at("History.done", content: (element, 3000), entries: 4000, element: "AnyObject")
    #expect(CollectionPattern.find(place, try .of([(element, "class", 3000)])) == nil)
  }

  /// Many observers: their table is the library's by what it is a table of. Timers: counted, since a run loop's list shows nothing.
  @Test func manyOfThemAreToldAsSuch() throws {
    var place = GrowingPlace.at(
      "", content: ("closure context ((τ_0_0) -> Void)", 3000), entries: 4000,
      element: "(FoundationEssentials.MessageBox) -> Void")
    place.owner = nil
    place.heldBy = "center : FoundationEssentials.NotificationCenter"
    let sessions = try HeapGrowth.of([("Session", "class", 3000)])
    #expect(CollectionPattern.find(place, sessions)?.subject == "observers of a NotificationCenter")
    place.heldBy = "value of pthread key 2 in the main thread"
    place.types = ["Foundation.__NSCFType", "Foundation._NSCFArray", "untyped block"]
    (place.before, place.after, place.content, place.contentGrowth) = (nil, nil, nil, 0)
    #expect(CollectionPattern.find(place, sessions) == nil)
    let timers = try HeapGrowth.of([("Foundation.Timer", "class", 3000)])
    #expect(CollectionPattern.find(place, timers)?.subject == "timers of a RunLoop")
  }

  /// The table is the library's, the objects that it works for are the program's.
  @Test func theProgramsClassBehindThemIsNamed() throws {
    let place = GrowingPlace.at("NIOPosix.SelectableEventLoop._scheduledTasks._heap.storage", entries: 4000)
    let rows = try HeapGrowth.of([
      ("NIOPosix.RepeatedTask", "class", 3000), ("Session", "class", 3000), ("Page", "class", 9),
    ])
    #expect(CollectionPattern.find(place, rows)?.evidence.hasSuffix("; with them came 3,000 more Session") == true)
  }
}
