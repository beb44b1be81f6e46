import Malloc
import ProcessImage
import Symbols
import Testing

@testable import HeapGraph
@testable import SwiftMetadata

/// What tasks and continuations keep, and what does not keep them.
extension LeakTests {
  /// What a thread ran last is still in its registers: a pointer into the task's memory, not to the task.
  @Test func aThreadsLastAsyncContextKeepsNoTask() throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let slab = heap.type(.taskSlab, "task memory", .taskSlab)
    // A context at 32, a child task of `async let` at 48.
    let memory = heap.block([slab, 0, UInt64(32) << 32 | 64, 0, 1, 2, task, Self.live])
    let parent = heap.block([task, Self.live, memory, 0, 0])
    heap.store(parent, in: memory, at: 40)
    func thread(_ word: UInt64) -> [ThreadState] {
      [ThreadState(tid: 7, stackPointer: 0x1000, threadPointer: 0x2000, registers: [word])]
    }
    heap.threads = thread(memory + 32)
    #expect(try heap.analysis().unreachable.count == 2)
    heap.threads = thread(memory + 48)
    #expect(try heap.analysis().unreachable.isEmpty)
    heap.threads = thread(parent)
    #expect(try heap.analysis().unreachable.isEmpty)
  }

  /// A task's memory is freed piece by piece: the thread holds one by its chunk, and the next ones hang on that.
  @Test func taskMemoryThatIsBeingFreedIsNoLeak() throws {
    let heap = SyntheticHeap()
    let slab = heap.type(.taskSlab, "task memory", .taskSlab)
    let object = heap.classType("Object", fields: [])
    let dead = heap.block([object, Self.live])
    let last = heap.block([slab, 0, UInt64(16) << 32 | 16, 0, dead, 0])
    let next = heap.block([slab, last, UInt64(16) << 32 | 16, 0, 0, 0])
    let first = heap.block([slab, next, UInt64(16) << 32 | 16, 0, 0, 0])
    #expect(try heap.analysis().unreachable.count == 4)
    for word in [first, first - 16] {
      heap.threads = [ThreadState(tid: 7, stackPointer: 0x1000, threadPointer: 0x2000, registers: [word])]
      let result = try heap.analysis()
      // What lies in it is not alive.
      #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [dead])
    }
  }

  @Test func tasksAreNamedByWhereTheyWait() throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: [16]))
    let slab = heap.type(.taskSlab, "task memory", .taskSlab)
    let thing = heap.classType("Thing", fields: [])
    let object = heap.block([thing, Self.live])
    let memory = heap.block([slab, 0, UInt64(16) << 32 | 64, 0, object, 0xdead_0000])
    let lost = heap.block([task, Self.live, 0, memory, 0])
    let other = heap.block([task, Self.live, lost, 0, 0])
    heap.root(other)
    let context = HeapAnalysis.Context(
      taskWords: { _ in TaskWords(linksAreInUse: false) }, describeTask: { $0 == lost ? ["fetch()", "serve()"] : [] })
    let group = try #require(try heap.analysis(context: context).leaks?.first)
    #expect(group.kind == .lostTask)
    #expect(group.title == "task suspended in fetch()")
    #expect(group.waitsIn == ["fetch()", "serve()"])
    #expect(group.blocks == 3)
    // A task in a queue keeps the next one.
    #expect(try heap.analysis(context: .init(taskWords: { _ in TaskWords() })).leaks == [])
  }

  /// What the standard library does inside of a function that the program called says little: the program's is named, and what it called.
  @Test func tasksAreNamedByTheProgramsOwnFunction() throws {
    let functions: [UInt64: String] = [
      1: "$sScS8_StorageC4nextxSgyYaF", 2: "$sScS8IteratorV4nextxSgyYaF", 3: "$s4shop4Feed4readyyYaF",
      4: "$s4shop5serveyyYaF",
    ]
    let names = TaskNames(symbols: NamedCode(functions: functions), mainModule: "shop")
    var waiting = info(0x10)
    waiting.resumeFunction = 1
    waiting.returnAddresses = [2, 3, 4]
    let frames = names.frames(waiting)
    #expect(frames.count == 2 && frames.first?.contains("read") == true && frames.last?.contains("serve") == true)
    #expect(names.waitsFor(waiting)?.contains("Iterator.next") == true, "\(names.waitsFor(waiting) ?? "")")
    waiting.returnAddresses = [2]
    #expect(names.frames(waiting).count == 1 && names.waitsFor(waiting) == nil)
    waiting.resumeFunction = 3
    waiting.returnAddresses = [4]
    #expect(names.frames(waiting).count == 2 && names.waitsFor(waiting) == nil)
  }

  private func info(_ address: UInt64, isComplete: Bool = false, waitsFor task: UInt64? = nil) -> TaskInfo {
    TaskInfo(
      address: address, identifier: 1, resumeFunction: 0, resumeContext: 0, isEnqueued: false, isRunning: false,
      isComplete: isComplete, isCancelled: false, isUnstarted: false, dependency: task.map { .task($0) } ?? .none,
      returnAddresses: [], firstSlab: 0)
  }

  /// The thread that waits for timers holds a part of their table, so that a sleeper's job has another root than its neighbours.
  @Test(arguments: [true, false]) func aJobOnATimerIsATimerWhereverTheTableIsHeld(hasTimer: Bool) throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let source = heap.type(.native, hasTimer ? "dispatch_source_type_after" : "Queue", .conservative)
    let job = heap.block([task, Self.live, 0, 0, 0])
    let continuation = heap.block([0, 0, job])
    heap.threads = [
      ThreadState(
        tid: 7, stackPointer: 0x1000, threadPointer: 0x2000, registers: [heap.block([source, continuation])])
    ]
    var unstarted = info(job)
    unstarted.isUnstarted = true
    unstarted.isEnqueued = true
    let (analysis, image) = try heap.keepingReferences(context: .init(taskInfo: { [unstarted] _ in unstarted }))
    let report = try HeapHolders(analysis: analysis, image: image, symbols: NoSymbols()).tasks()
    #expect(report.groups.map(\.state) == [hasTimer ? .timer : .unstarted])
  }

  /// Stale words of other memory lead to sleepers' jobs as well: what they capture tells what they are.
  @Test(arguments: [true, false]) func aSleepersJobIsATimerWhateverLeadsToIt(isSleeper: Bool) throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let capture = isSleeper ? "Task<Never, Never>.UnsafeSleepStateToken" : "Int"
    let token = heap.block([heap.type(.closureContext, "closure context (\(capture))", .conservative), Self.live, 0])
    let job = heap.block([task, Self.live, token, 0, 0])
    heap.root(job)
    heap.root(heap.block([0, 0, job]))
    var unstarted = info(job)
    unstarted.isUnstarted = true
    unstarted.isEnqueued = true
    let (analysis, image) = try heap.keepingReferences(context: .init(taskInfo: { [unstarted] _ in unstarted }))
    let report = try HeapHolders(analysis: analysis, image: image, symbols: NoSymbols()).tasks()
    #expect(report.groups.map(\.state) == [isSleeper ? .timer : .unstarted])
  }

  /// Its result refers to whoever has its handle: nothing waits, and no continuation was lost.
  @Test func aFinishedTaskInARingIsACycle() throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let owner = heap.block([heap.classType("Owner", fields: ["handle"]), Self.live, 0])
    let finished = heap.block([task, Self.live, owner, 0, 0])
    heap.store(finished, in: owner, at: 16)
    let done = HeapAnalysis.Context(taskInfo: { self.info($0, isComplete: true) })
    let group = try #require(try heap.analysis(context: done).leaks?.first)
    #expect(group.kind == .cycle && group.blocks == 2)
    #expect(group.steps.map(\.type).contains("Owner"), "\(group.title)")
    let waiting = HeapAnalysis.Context(taskInfo: { self.info($0) })
    #expect(try heap.analysis(context: waiting).leaks?.first?.kind == .lostTask)
  }

  /// A parent and its child refer to each other: the child lost its continuation, the parent only waits for it. Whichever lies first.
  @Test(arguments: [true, false]) func theTaskThatLostItsContinuationNamesTheGroup(parentFirst: Bool) throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let first = heap.block([task, Self.live, 0, 0, 0])
    let second = heap.block([task, Self.live, first, 0, 0])
    heap.store(second, in: first, at: 16)
    let (parent, child) = parentFirst ? (first, second) : (second, first)
    let context = HeapAnalysis.Context(
      describeTask: { $0 == child ? ["fetch()"] : ["TaskGroup.next()"] },
      taskInfo: { self.info($0, waitsFor: $0 == parent ? child : nil) })
    let group = try #require(try heap.analysis(context: context).leaks?.first)
    #expect(group.title == "task suspended in fetch()" && group.instances == 1)
  }

  /// A task that waits for a timer is enqueued, and yet in no list: its links are what the memory held before.
  @Test func aLinkLeadsOnlyToQueuedTasks() throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: [16]))
    let lost = heap.block([task, Self.live, 0, 0, 0])
    let sleeping = heap.block([task, Self.live, lost, 0, 0])
    heap.root(sleeping)
    let context = HeapAnalysis.Context(taskWords: { TaskWords(linksAreInUse: $0 == sleeping) })
    let result = try heap.analysis(context: context)
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [lost])
  }

  @Test func theFrameOfATaskThatHasNotBegunKeepsNothing() throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let object = heap.classType("Object", fields: [])
    let captured = heap.block([object, Self.live])
    let stale = heap.block([object, Self.live])
    let unstarted = heap.block([task, Self.live, captured, 0, stale, 0])
    heap.root(unstarted)
    let context = HeapAnalysis.Context(taskWords: { TaskWords(end: $0 + 32) })
    let result = try heap.analysis(context: context)
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [stale])
  }

  @Test func cachedContinuationsKeepOnlyEachOther() throws {
    let heap = SyntheticHeap()
    let object = heap.classType("Object", fields: [])
    let dropped = (0..<3).map { _ in heap.block([object, Self.live]) }
    // Three cached continuations, counting down to one, each with what it last carried at 40.
    let last = heap.block([0, 1, 0, 0, 0, dropped[0], 0, 0, 0])
    let middle = heap.block([0, 2, last, 0, 0, dropped[1], 0, 0, 0])
    let first = heap.block([0, 3, middle, 0, 0, dropped[2], 0, 0, 0])
    heap.root(first)
    heap.threads = [ThreadState(tid: 1, stackPointer: 0x1000, threadPointer: SyntheticHeap.globals + 256)]
    let result = try heap.analysis()
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == dropped)
  }

  @Test func continuationsInUseKeepWhatTheyCarry() throws {
    let heap = SyntheticHeap()
    let object = heap.classType("Object", fields: [])
    let carried = (0..<2).map { _ in heap.block([object, Self.live]) }
    let second = heap.block([0, 0, 0, 0, 0, carried[0], 0, 0, 0])
    heap.root(heap.block([0, 0, second, 0, 0, carried[1], 0, 0, 0]))
    // A single block with a one in the right place is no list.
    let lone = heap.block([object, Self.live])
    heap.root(heap.block([0, 1, 0, 0, 0, lone, 0, 0, 0]))
    heap.threads = [ThreadState(tid: 1, stackPointer: 0x1000, threadPointer: SyntheticHeap.globals + 256)]
    #expect(try heap.analysis().unreachable.isEmpty)
  }

  @Test func wordsOfATaskThatNobodyWritesKeepNothing() throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let object = heap.classType("Object", fields: [])
    let reserved = heap.block([object, Self.live])
    let slack = heap.block([object, Self.live])
    var words = [UInt64](repeating: 0, count: 39)
    words[0] = task
    words[1] = Self.live
    words[9] = reserved
    words[38] = slack
    heap.root(heap.block(words))
    let result = try heap.analysis()
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [reserved, slack])
  }
}

/// Functions at made-up addresses.
private struct NamedCode: SymbolSource {
  let functions: [UInt64: String]
  func symbol(at address: UInt64) -> Symbol? {
    functions[address].map {
      Symbol(address: address, size: 1, mangledName: $0, module: "/bin/shop", isData: false)
    }
  }
  func address(of mangledName: String) -> UInt64? { nil }
}
