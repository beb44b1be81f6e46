import Testing

@testable import Diagnosis
@testable import HeapGraph

/// Tasks that become more are named by the function of the program's that they are in.
struct TaskNameTests {
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
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [heap(0, 10), heap(60_000, 3010)])
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
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [heap(0, 10), heap(60_000, 4010)])
    let found = try #require(TasksRule.findings(evidence).first)
    #expect(found.title == "4,000 more jobs of Task.sleep" && found.advice[0].contains("time-outs"), "\(found)")
    var timers = GrowingPlace.at("", content: ("dispatch_source_type_after", 4000))
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
