import Malloc
import ProcessImage
import Testing

@testable import HeapGraph
@testable import SwiftMetadata

/// What timers of libdispatch hold, and which words of theirs and of tasks are history.
@Suite struct TimerTests {
  private static let live: UInt64 = 3

  /// A source is known to what it waits with by the complement of its address, and its job by a place in the middle of the job's memory.
  @Test(arguments: [true, false]) func aTimerWithAToleranceKeepsItsJob(leadsBack: Bool) throws {
    let heap = SyntheticHeap()
    let references = heap.type(.native, "dispatch_source_type_timer", .conservative)
    let sourceType = heap.type(.native, "OS_dispatch_source", .conservative)
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let slab = heap.type(.taskSlab, "task memory", .taskSlab)
    let memory = heap.block([slab, 0, UInt64(32) << 32 | 64, 0, 0, 0, 0, 0])
    let job = heap.block([task, Self.live, memory, 0, 0])
    let source = heap.block([sourceType, Self.live, 0, 0, memory + 48, 0, 0, 0, 0, 0, 0, 0, 0])
    heap.store(source, in: memory, at: 48)
    heap.store(job, in: memory, at: 56)
    let waits = heap.block([references, ~source, 0, 0, 0, 0, 0])
    if leadsBack { heap.store(waits, in: source, at: 88) }
    heap.root(waits)
    // A number that happens to be the complement of an address is none.
    #expect(try heap.analysis().unreachable.count == (leadsBack ? 0 : 3))
  }

  /// Continuations are used again and again: what `dispatch_after` did not write is of the call before.
  @Test func aContinuationsOtherWordsKeepNothing() throws {
    let heap = SyntheticHeap()
    let sourceType = heap.type(.native, "OS_dispatch_source", .conservative)
    let thing = heap.classType("Thing", fields: [])
    let stale = [heap.block([thing, Self.live]), heap.block([thing, Self.live])]
    let context = heap.block([thing, Self.live])
    let source = heap.block([sourceType, Self.live, 0, 0])
    heap.root(heap.block([0x100, 0xeb, stale[0], .max, 0x5500_0000_0010, context, source, stale[1], 0]))
    let result = try heap.analysis()
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == stale)
    // Of another kind nothing is known.
    heap.root(heap.block([0x100, 0xeb, stale[0], 1, 0x5500_0000_0010, context, source, stale[1], 0]))
    #expect(try heap.analysis().unreachable.isEmpty)
  }

  /// Room for a result and an error is written when a task ends.
  @Test func whatATasksEndWillWriteKeepsNothing() throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let thing = heap.classType("Thing", fields: [])
    let (stale, held) = (heap.block([thing, Self.live]), heap.block([thing, Self.live]))
    let job = heap.block([task, Self.live, 0, stale, held, 0])
    heap.root(job)
    var words = TaskWords()
    words.unwritten = [job + 24..<job + 32]
    let result = try heap.analysis(context: .init(taskWords: { [words] _ in words }))
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [stale])
  }

  /// {flags, frames} as the runtime lays them out decide which words those are.
  @Test func roomOfATaskIsToldByItsState() throws {
    var info = TaskInfo(
      address: 0x1000, identifier: 1, resumeFunction: 0, resumeContext: 0x1110, isEnqueued: false, isRunning: false,
      isComplete: false, isCancelled: false, isUnstarted: true, dependency: .none, returnAddresses: [], firstSlab: 0)
    info.firstFrame = 0x1110
    info.resultRoom = 0x10e8..<0x10f0
    #expect(TaskWords(info).unwritten == [0x1108..<0x1110, 0x10e8..<0x10f0])
    // A function may fill its result bit by bit.
    info.isUnstarted = false
    #expect(TaskWords(info).unwritten == [0x1108..<0x1110])
    info.isComplete = true
    #expect(TaskWords(info).unwritten.isEmpty)
  }

  /// A stale word in C's memory that hangs on one object leads to another: two rings of fields, and not one of them both.
  @Test func ringsThatOnlyStaleWordsTieAreTwo() throws {
    let heap = SyntheticHeap()
    let session = heap.classType("Session", fields: ["onClose", "lock"], isOwn: true)
    let closure = heap.classType("Closure", fields: ["session"])
    let mutex = heap.type(.native, "Mutex", .conservative)
    let sessions = (0..<2).map { _ in heap.block([session, Self.live, 0, 0]) }
    for (index, object) in sessions.enumerated() {
      heap.store(heap.block([closure, Self.live, object]), in: object, at: 16)
      heap.store(heap.block([mutex, 0, sessions[1 - index]]), in: object, at: 24)
    }
    let leaks = try #require(try heap.analysis().leaks)
    #expect(leaks.map(\.title) == ["Session.onClose -> Closure.session -> Session"])
    #expect(leaks.map(\.instances) == [2] && leaks.map(\.blocks) == [6])
  }

  /// Where C's memory is a part of the ring it is told with it.
  @Test func ringsThroughMemoryOfCAreRings() throws {
    let heap = SyntheticHeap()
    let session = heap.classType("Session", fields: ["handle"], isOwn: true)
    let native = heap.type(.native, "Handle", .conservative)
    let object = heap.block([session, Self.live, 0])
    heap.store(heap.block([native, 0, object]), in: object, at: 16)
    let leaks = try #require(try heap.analysis().leaks)
    #expect(leaks.map(\.title) == ["Session.handle -> Handle -> Session"])
  }
}
