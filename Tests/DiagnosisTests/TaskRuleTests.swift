import SwiftMetadata
import Testing
import Timeline

@testable import Diagnosis
@testable import HeapGraph

/// Tasks that become more: what they wait for decides what is to be changed.
struct TaskRuleTests {
  private static let start: Int64 = 1_700_000_000_000

  private func finding(
    _ state: TaskGroup.State, _ functions: [String], queuedOn: String? = nil, onExecutor: Bool? = nil,
    relation: TaskGroup.Relation = .own, parent: String? = nil, holders: (UInt64) -> [HeapFacts.Holder] = { _ in [] }
  ) throws -> Finding {
    func heap(_ minute: Int64, _ count: Int) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [
          .init(type: "Task", kind: "task", count: UInt64(count), bytes: UInt64(count) * 1000),
          .init(type: "[UUID : Waiter] storage", kind: "dictionaryStorage", count: 1, bytes: UInt64(count) * 48),
        ])
      facts.tasks = [
        .init(
          state: state, functions: functions, locations: [], isOwn: functions.map { _ in true },
          isMain: functions.map { !$0.contains(".Channel") }, queuedOn: queuedOn, queuedOnExecutor: onExecutor,
          relation: relation, parent: parent,
          tasks: count, lost: 0, handleOnly: 0, cancelled: 0, retainedBytes: UInt64(count) * 1000, holds: [],
          example: "0x1")
      ]
      facts.holders = holders(UInt64(count))
      return facts
    }
    let samples = RuleTests.samples(61) { time, sample in sample[.rss] = (60 + time / 3) * RuleTests.mib }
    let evidence = Evidence(lives: [samples], heaps: [heap(0, 200), heap(1, 9000)], age: 600)
    return try #require(TasksRule.findings(evidence).first)
  }

  @Test func whoWaitsForAnActorsTurnIsToldByTheActor() throws {
    let found = try finding(.enqueued, ["handle(_:)"], queuedOn: "Reporter")
    #expect(found.title == "8,800 more live tasks, most in the queue of actor Reporter, from handle(_:)")
    #expect(found.advice.first?.hasPrefix("actor Reporter gets more calls than it can do") == true)
    let other = try finding(.enqueued, ["handle(_:)"], queuedOn: "DiskQueue", onExecutor: true)
    #expect(other.title == "8,800 more live tasks, most in the queue of executor DiskQueue, from handle(_:)")
    #expect(other.advice.first?.hasPrefix("executor DiskQueue gets more jobs than it runs") == true)
    // One that only waits for a thread is none of an actor's.
    let free = try finding(.enqueued, ["handle(_:)"])
    #expect(free.title.hasSuffix("suspended in handle(_:)") && free.advice.first?.hasPrefix("bound how many") == true)
  }

  /// They have no function yet: those that have begun are not all there are.
  @Test func tasksThatHaveNotBegunAreCounted() throws {
    let found = try finding(.unstarted, [])
    #expect(found.title == "8,800 more live tasks, most not yet begun")
  }

  @Test func finishedChildrenOfAGroupAreNotKeptByHandles() throws {
    let found = try finding(.complete, [], relation: .groupChild, parent: "serve()")
    #expect(found.title.contains("nobody takes out of the task group in serve()") && found.site == "serve()")
    #expect(found.advice.count == 1 && found.advice[0].contains("withDiscardingTaskGroup"))
    let own = try finding(.complete, [])
    #expect(own.title == "8,800 more finished tasks" && own.advice.last == "keep the result, not the task")
  }

  /// A time-out's child has ended, and each group waits for the other one: nothing is to be taken out of these.
  @Test(arguments: [(8800, true), (40, false)]) func oneChildThatHasEndedOfEachGroupIsNoBacklog(
    groups: Int, isSibling: Bool
  ) throws {
    func group(_ state: TaskGroup.State, _ name: [String], _ relation: TaskGroup.Relation, _ count: Int) -> TaskGroup {
      .init(
        state: state, functions: name, locations: [], isOwn: name.map { _ in true }, isMain: name.map { _ in true },
        queuedOn: nil,
        relation: relation, parent: relation == .groupChild ? "timed()" : nil, tasks: count, lost: 0, handleOnly: 0,
        cancelled: 0, retainedBytes: UInt64(count) * 1000, holds: [], example: "0x1")
    }
    func heap(_ minute: Int64, _ part: Int) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [
          .init(type: "Task", kind: "task", count: 100 + UInt64(part) * 26_400, bytes: UInt64(part) * 26_400_000)
        ])
      facts.tasks = [
        group(.waitsForContinuation, ["wait(for:)", "timed()"], .own, 100 + part * groups),
        group(.waitsForContinuation, ["next()"], .own, 100 + part * 8800),
        group(.complete, ["sleep()"], .groupChild, 100 + part * 8800),
      ]
      return facts
    }
    let samples = RuleTests.samples(61) { time, sample in sample[.rss] = (60 + time / 3) * RuleTests.mib }
    let findings = TasksRule.findings(Evidence(lives: [samples], heaps: [heap(0, 0), heap(1, 1)], age: 600))
    #expect(findings.contains { $0.title.contains("nobody takes out") } == !isSibling, "\(findings.map(\.title))")
    #expect(findings.count == (isSibling ? 1 : 2))
  }

  /// The table of continuations hangs on something that keeps little of the tasks themselves.
  @Test(arguments: [("Answers.pending", true), ("AsyncStream<Event>._Storage.state.continuations", false)])
  func whoWaitsIsToldWithATableThatKeepsLittle(owner: String, isTable: Bool) throws {
    let found = try finding(.waitsForContinuation, ["Answers.wait(for:)"]) { count in
      let table = ContainerSummary(
        kind: .dictionary, keyType: "Int", valueType: "CheckedContinuation<Reply, Error>", containers: 1,
        entries: count, slots: count * 2, inlineBytes: count * 32, behindBytes: 0, emptyBytes: 0)
      var place = HeapFacts.Holder(
        path: ["Answers", ".pending"], type: "[Int : CheckedContinuation<Reply, Error>] storage", count: 1,
        retained: 4096, container: table, root: nil, heldBy: nil)
      place.owner = owner
      return [place]
    }
    #expect(found.title.hasSuffix("their continuations in \(owner)") == isTable, "\(found.title)")
    #expect(found.advice.first?.contains("out of \(owner)") == isTable)
  }

  /// Who publishes has them in a table, of which the rest of the memory says nothing.
  @Test func subscribersOfStreamsAreToldWithTheirTable() throws {
    let found = try finding(
      .waitsForContinuation, ["AsyncStream._Storage.next(_:)", "AsyncStream.Iterator.next(isolation:)", "listen()"]
    ) { count in
      let table = ContainerSummary(
        kind: .dictionary, keyType: "Int", valueType: "AsyncStream<Int>.Continuation", containers: 1, entries: count,
        slots: count * 2, inlineBytes: count * 32, behindBytes: 0, emptyBytes: 0)
      var place = HeapFacts.Holder(
        path: ["Bus", ".subscribers"], type: "[Int : AsyncStream<Int>.Continuation] storage", count: 1, retained: 4096,
        container: table, root: nil, heldBy: nil)
      place.owner = "Bus.subscribers"
      return [place]
    }
    #expect(found.title.hasSuffix("their continuations in Bus.subscribers"), "\(found.title)")
    #expect(found.advice.first?.contains("`finish()`") == true)
    #expect(found.advice.first?.contains("out of Bus.subscribers then, in its `onTermination`") == true)
  }

  private static func group(
    _ state: TaskGroup.State, _ functions: [String], _ tasks: Int, bytes: UInt64, nested: UInt64? = nil,
    parent: String? = nil
  ) -> TaskGroup {
    .init(
      state: state, functions: functions, locations: [], isOwn: functions.map { _ in true }, queuedOn: nil,
      relation: parent == nil ? .own : .groupChild, parent: parent, tasks: tasks, lost: 0, handleOnly: 0, cancelled: 0,
      retainedBytes: bytes, nestedBytes: nested, holds: [], example: "0x1")
  }

  /// The job that ends a sleep keeps the task that sleeps, where nobody else does.
  @Test func whatOneTaskKeepsOfAnotherCountsOnce() {
    let grown = HeapGrowth.Tasks.grown(
      [
        Self.group(.timer, [], 10, bytes: 20_000),
        Self.group(.suspended, ["poll()"], 10, bytes: 15_000, nested: 15_000),
      ],
      [
        Self.group(.timer, [], 110, bytes: 220_000),
        Self.group(.suspended, ["poll()"], 110, bytes: 165_000, nested: 165_000),
      ])
    #expect(grown.map(\.growth) == [200_000, 150_000])
    #expect(grown.map(\.counted) == [200_000, 0])
    #expect(grown.map(\.held) == [220_000, 0])
  }

  /// The one task that waits for its children is none more, but keeps them.
  @Test func whatHangsOnATaskThatWasThereBeforeIsToldWithItsChildren() {
    let waits = ["collect()"]
    let grown = HeapGrowth.Tasks.grown(
      [
        Self.group(.waitsForContinuation, waits, 1, bytes: 102_000),
        Self.group(.complete, ["work()"], 100, bytes: 100_000, nested: 100_000, parent: "collect()"),
      ],
      [
        Self.group(.waitsForContinuation, waits, 1, bytes: 3_002_000),
        Self.group(.complete, ["work()"], 3000, bytes: 3_000_000, nested: 3_000_000, parent: "collect()"),
      ])
    #expect(grown.map(\.more) == [2900] && grown.map(\.growth) == [2_900_000])
    #expect(grown.map(\.counted) == [2_900_000] && grown.map(\.held) == [3_000_000])
  }

  /// Most stood in a queue at one snapshot and wait for a stream at the other: only the rest has come.
  @Test func whoWaitsForSomethingElseNowIsNoneMore() throws {
    let chain = ["next()", "listen()"]
    let grown = HeapGrowth.Tasks.grown(
      [Self.group(.enqueued, ["listen()"], 500, bytes: 500_000), Self.group(.complete, ["listen()"], 90, bytes: 9000)],
      [Self.group(.waitsForContinuation, chain, 1100, bytes: 1_100_000)])
    let found = try #require(grown.first)
    #expect(grown.count == 1 && found.more == 600 && found.growth == 600_000 && found.counted == 600_000)
    // Another function's tasks are others.
    let others = HeapGrowth.Tasks.grown(
      [Self.group(.enqueued, ["speak()"], 500, bytes: 500_000)],
      [Self.group(.waitsForContinuation, chain, 1100, bytes: 1_100_000)])
    #expect(others.map(\.more) == [1100])
  }

  /// Children of two functions in the same state: each is compared with its own.
  @Test func tasksOfSeveralParentsAreComparedWithTheirOwn() {
    let before = [
      Self.group(.suspended, ["work()"], 300, bytes: 300_000, parent: "a()"),
      Self.group(.suspended, ["work()"], 50, bytes: 50_000, parent: "b()"),
    ]
    let after = [
      Self.group(.suspended, ["work()"], 300, bytes: 300_000, parent: "a()"),
      Self.group(.suspended, ["work()"], 150, bytes: 150_000, parent: "b()"),
    ]
    let grown = HeapGrowth.Tasks.grown(before, after)
    #expect(grown.map(\.more) == [100] && grown.first?.group.parent == "b()")
  }

  @Test func sendersWaitForAChannelsConsumer() throws {
    let found = try finding(
      .waitsForContinuation, ["closure #2 in AsyncAlgorithms.ChannelStorage.send(element:)", "publish(_:)"])
    #expect(found.advice.first?.contains("`await send`") == true, "\(found.advice)")
    // The channel's own table has their continuations: nobody else can resume them, and the stack that has a word of it keeps nothing.
    let frame = "epoll_wait on thread 17 (worker)"
    let held = try self.finding(
      .waitsForContinuation, ["closure #2 in AsyncAlgorithms.ChannelStorage.send(element:)", "publish(_:)"]
    ) { count in
      var table = ContainerSummary(
        kind: .array, keyType: nil, valueType: "Producer", containers: 1, entries: count, slots: count * 2,
        inlineBytes: count * 48, behindBytes: 0, emptyBytes: 0)
      table.promise = StoredField(path: "continuation", offset: 0, typeName: "UnsafeContinuation<(), Never>")
      return [
        .init(
          path: ["[Producer] storage"], type: "[Producer] storage", count: 1, retained: count * 2000, container: table,
          root: nil, heldBy: frame)
      ]
    }
    #expect(held.advice.first?.contains("`await send`") == true, "\(held.advice)")
    #expect(!held.title.contains(frame) && !held.evidence.contains { $0.contains(frame) }, "\(held)")
  }

  /// The table of their continuations says where they are to be resumed.
  @Test func whoWaitsForAnAnswerIsToldWithTheTable() throws {
    let found = try finding(.waitsForContinuation, ["Router.wait(_:)"]) { count in
      let table = ContainerSummary(
        kind: .dictionary, keyType: "UUID", valueType: "CheckedContinuation<Reply, Never>", containers: 1,
        entries: count, slots: count * 2, inlineBytes: count * 48, behindBytes: 0, emptyBytes: 0)
      return [
        .init(path: ["router : Router"], type: "router : Router", count: 1, retained: count * 2000, root: .global),
        .init(
          path: ["router : Router", ".pending"], type: "[UUID : CheckedContinuation<Reply, Never>] storage", count: 1,
          retained: count * 2000, container: table, root: .global, owner: "Router.pending"),
      ]
    }
    #expect(found.title.hasSuffix(", their continuations in router.pending"), "\(found.title)")
    #expect(found.advice.first?.contains("complete or resume it") == true)
  }

  /// A library that begins several tasks of its own for each of the program's, and iterates its own streams in them.
  @Test func tasksThatALibraryBeginsAreNamedByTheProgramsFunction() throws {
    func group(_ functions: [String], isMain: [Bool], _ count: Int) -> TaskGroup {
      TaskGroup(
        state: .waitsForContinuation, functions: functions, locations: [], isOwn: isMain, isMain: isMain,
        relation: .own, tasks: count, lost: 0, handleOnly: 0, cancelled: 0, retainedBytes: UInt64(count) * 1000,
        holds: [], example: "0x1")
    }
    func heap(_ minute: Int64, _ requests: Int) -> HeapFacts {
      var facts = HeapFacts(
        time: Self.start + minute * 60_000,
        census: [.init(type: "Task", kind: "task", count: UInt64(requests) * 5, bytes: UInt64(requests) * 5000)])
      facts.tasks = [
        group(["AsyncStream._Storage.next", "Settings.Updates.next()"], isMain: [false, false], requests * 4),
        group(["withUnsafeContinuation(isolation:_:)", "closure #1 in follow(_:)"], isMain: [false, true], requests),
      ]
      return facts
    }
    let samples = RuleTests.samples(61) { time, sample in sample[.rss] = (60 + time / 3) * RuleTests.mib }
    let evidence = Evidence(lives: [samples], heaps: [heap(0, 10), heap(1, 3010)], age: 600)
    let found = try #require(TasksRule.findings(evidence).first)
    #expect(found.title.contains("3,000 of them suspended in closure #1 in follow(_:)"), "\(found.title)")
    #expect(found.advice.first?.hasPrefix("bound how many") == true, "\(found.advice)")
  }
}
