import Malloc
import ProcessImage
import SwiftMetadata
import Testing

@testable import HeapGraph

@Suite struct LeakTests {
  /// A live object's reference counts: strong 1, unowned 1.
  static let live: UInt64 = 3

  @Test func aReachableRingIsNoLeak() throws {
    let heap = SyntheticHeap()
    let node = heap.classType("Node", fields: ["next"])
    let a = heap.block([node, Self.live, 0, 0])
    let b = heap.block([node, Self.live, a, 0])
    heap.store(b, in: a, at: 16)
    heap.root(b)
    let result = try heap.analysis()
    #expect(result.leaks == [])
    #expect(result.unreachable.isEmpty)
    #expect(result.rootCount == 1)
  }

  @Test func ringsOfOneShapeAreOneGroupWithFieldNames() throws {
    let heap = SyntheticHeap()
    let session = heap.classType("Session", fields: ["id", "onClose"])
    let closure = heap.type(
      .closureContext, "closure context", .fixed(size: 24, slots: [.init(offset: 16, strength: .strong)]))
    let bytes = heap.type(.arrayStorage, "Array<UInt8>", .none)
    for _ in 0..<3 {
      let payload = heap.block([bytes, Self.live, 8, 16, 0])
      let context = heap.block([closure, Self.live, 0])
      let object = heap.block([session, Self.live, payload, context, 0])
      heap.store(object, in: context, at: 16)
    }
    let leaks = try #require(try heap.analysis().leaks)
    #expect(leaks.count == 1)
    let group = try #require(leaks.first)
    #expect(group.kind == .cycle)
    #expect(group.title == "Session.onClose -> closure context -> Session")
    #expect(group.instances == 3)
    #expect(group.blocks == 9)
    #expect(group.confidence == .certain)
    #expect(group.bytes == 3 * (40 + 24 + 40))
    #expect(group.contents.first { $0.type == "Array<UInt8>" }?.count == 3)
  }

  /// Which of two objects of one type has the lower address is chance.
  @Test func aRingBeginsTheSameWayWhateverTheAddresses() throws {
    let heap = SyntheticHeap()
    let node = heap.classType("Node", fields: ["child", "parent"])
    for isParentFirst in [true, false, true] {
      let (low, high) = (heap.block([node, Self.live, 0, 0]), heap.block([node, Self.live, 0, 0]))
      let (parent, child) = isParentFirst ? (low, high) : (high, low)
      heap.store(child, in: parent, at: 16)
      heap.store(parent, in: child, at: 24)
    }
    let leaks = try #require(try heap.analysis().leaks)
    #expect(leaks.map(\.title) == ["Node.child -> Node.parent -> Node"])
    #expect(leaks.map(\.instances) == [3])
  }

  /// What a program let go of without ending it is a ring of the library's own objects.
  @Test(arguments: [("Library.Manager", true), ("Library.Manager", false), ("Manager", true)])
  func aRingOfALibrarysObjectsIsToldByItsModule(second: String, isKnown: Bool) throws {
    let heap = SyntheticHeap()
    let pool = heap.classType("Library.Pool", fields: ["delegate"])
    let manager = heap.classType(second, fields: ["pools"], isOwn: !second.contains("."))
    let table = heap.type(
      .arrayStorage, "Array<Library.Pool>",
      .array(
        elements: 32,
        element: ValueLayout(
          typeName: "Library.Pool", size: 8, stride: 8, alignment: 8, slots: [.init(offset: 0, strength: .strong)])))
    // The program has types of its own, by which its module is known.
    if isKnown { heap.root(heap.block([heap.classType("Main", fields: [], isOwn: true), Self.live])) }
    let first = heap.block([pool, Self.live, 0])
    let list = heap.block([table, Self.live, 1, 2, first])
    heap.store(heap.block([manager, Self.live, list]), in: first, at: 16)
    let group = try #require(try heap.analysis().leaks?.first)
    #expect(group.kind == .cycle && group.blocks == 3)
    #expect(group.library == (isKnown && second.contains(".") ? "Library" : nil))
  }

  /// A closure that captures one object alone has that object as its context.
  @Test func aClosureThatCapturesItsOwnerAloneIsTold() throws {
    let heap = SyntheticHeap()
    let session = heap.type(
      .class, "Session",
      .fixed(
        size: 40,
        slots: [
          .init(offset: 24, strength: .strong, path: "peer", typeName: "Box<() -> Void>"),
          .init(offset: 32, strength: .strong, path: "onClose", typeName: "(Int) async -> [Row]"),
        ]))
    let object = heap.block([session, Self.live, 0, 0, 0])
    heap.store(object, in: object, at: 32)
    let other = heap.block([session, Self.live, 0, 0, 0])
    heap.store(other, in: other, at: 24)
    let groups = try #require(try heap.analysis().leaks)
    #expect(groups.map(\.title).sorted() == ["Session.onClose -> Session", "Session.peer -> Session"])
    #expect(groups.first { $0.title.contains("onClose") }?.steps.map(\.isClosure) == [true])
    #expect(groups.first { $0.title.contains("peer") }?.steps.map(\.isClosure) == [false])
  }

  /// What a field of unknown type holds may be a reference to the object itself; a pointer into the object, and any word of C memory, is none.
  @Test func anObjectMayHoldItselfByAFieldOfUnknownType() throws {
    let heap = SyntheticHeap()
    let unknown = heap.type(.class, "Hidden", .conservative)
    let object = heap.block([unknown, Self.live, 0, 0])
    heap.store(object, in: object, at: 24)
    let inside = heap.block([unknown, Self.live, 0, 0, 0])
    heap.store(inside + 24, in: inside, at: 16)
    let native = heap.block([0, 0, 0, 0, 0, 0])
    heap.store(native, in: native, at: 16)
    let groups = try #require(try heap.analysis().leaks)
    #expect(groups.first { $0.kind == .cycle }?.examples == [object])
    #expect(groups.first { $0.kind == .chain }?.examples == [inside])
    #expect(groups.first { $0.kind == .native }?.examples == [native])
  }

  @Test func aRingThroughCollectionsFoldsTheirStorageIntoTheField() throws {
    let heap = SyntheticHeap()
    let owner = heap.classType("Owner", fields: ["callbacks"])
    let element = ValueLayout(
      typeName: "() -> ()", size: 16, stride: 16, alignment: 8, slots: [.init(offset: 8, strength: .strong)])
    let array = heap.type(.arrayStorage, "Array<() -> ()>", .array(elements: 32, element: element))
    let closure = heap.type(.closureContext, "closure context", .conservative)
    let context = heap.block([closure, Self.live, 0, 0])
    let storage = heap.block([array, Self.live, 1, 8, 0xdead0, context, 0, 0, 0])
    let object = heap.block([owner, Self.live, storage])
    heap.store(object, in: context, at: 16)
    let group = try #require(try heap.analysis().leaks?.first)
    #expect(group.title == "Owner.callbacks[…] -> closure context -> Owner")
    #expect(group.steps.map(\.text) == ["Owner.callbacks[…]", "closure context"])
  }

  @Test func staleWordsBehindAnArraysEndKeepNothing() throws {
    let heap = SyntheticHeap()
    let leaf = heap.classType("Leaf", fields: [])
    let element = SyntheticHeap.reference(to: "Leaf")
    let array = heap.type(.arrayStorage, "Array<Leaf>", .array(elements: 32, element: element))
    let kept = heap.block([leaf, Self.live])
    let dropped = heap.block([leaf, Self.live])
    heap.root(heap.block([array, Self.live, 1, 8, kept, dropped]))
    let result = try heap.analysis()
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [dropped])
  }

  @Test func onlyOccupiedBucketsKeepTheirValues() throws {
    let heap = SyntheticHeap()
    let leaf = heap.classType("Leaf", fields: [])
    let key = ValueLayout(typeName: "Int", size: 8, stride: 8, alignment: 8, slots: [])
    let value = SyntheticHeap.reference(to: "Leaf")
    let table = heap.type(.dictionaryStorage, "Dictionary<Int, Leaf>", .hashTable(bitmap: 64, key: key, value: value))
    let kept = heap.block([leaf, Self.live])
    let stale = heap.block([leaf, Self.live])
    // isa, counts, count, capacity, scale 1, seed, keys, values, bitmap: bucket 1 of 2, keys, values.
    let storage = heap.block([table, Self.live, 1, 1, 1, 0, 0, 0, 0b10, 11, 22, stale, kept])
    heap.store(storage + 72, in: storage, at: 48)
    heap.store(storage + 88, in: storage, at: 56)
    heap.root(storage)
    let result = try heap.analysis()
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [stale])
  }

  @Test func weakReferencesKeepTheSideTableAndNotTheObject() throws {
    let heap = SyntheticHeap()
    let holder = heap.classType("Holder", fields: ["delegate"], strengths: [.weak])
    let object = heap.classType("Object", fields: ["me"])
    let table = heap.block([0, 0, 0, 0])
    let leaked = heap.block([object, table >> 3 | 3 << 62, 0])
    heap.store(leaked, in: leaked, at: 16)
    heap.store(leaked, in: table, at: 0)
    heap.root(heap.block([holder, Self.live, table]))
    let result = try heap.analysis()
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [leaked])
    #expect(result.leaks?.first?.title == "Object.me -> Object")
  }

  /// Where the case of an enum is a shorter one, the word that another case has a weak reference in is stale, and may point to anything.
  @Test func whatAStaleWeakReferencePointsToKeepsItsType() throws {
    let heap = SyntheticHeap()
    let holder = heap.classType("Holder", fields: ["anchor"], strengths: [.weak])
    let object = heap.classType("Object", fields: [])
    let small = heap.classType("Small", fields: ["object"])
    let nodes = heap.type(
      .arrayStorage, "_ContiguousArrayStorage<Node>",
      .array(elements: 32, element: SyntheticHeap.reference(to: "Node")))
    let objects = (0..<9).map { _ in heap.block([object, Self.live]) }
    let storage = heap.block([nodes, Self.live, 8, 16] + objects.prefix(8))
    let other = heap.block([small, Self.live, objects[8]])
    for _ in 0..<2 {
      for target in [storage, other] { heap.root(heap.block([holder, Self.live, target])) }
    }
    let result = try heap.analysis()
    #expect(result.unreachable.isEmpty, "\(result.leaks?.map(\.title) ?? [])")
    #expect(!result.census.contains { $0.kind == .sideTable })
  }

  /// Memory with a weak variable was freed without `deinitialize`: the object went, the table of its weak references stayed.
  @Test func aLostSideTableIsToldFromMemoryOfC() throws {
    let heap = SyntheticHeap()
    // In no block: what points into one leads there.
    let gone = SyntheticHeap.heapBase + (1 << 20)
    for _ in 0..<3 { heap.block([gone, 0, 1 << 32 | 1, 1, 0]) }
    // A live object's count, no weak reference left, no object, too large.
    for words: [UInt64] in [
      [gone, 0, 3, 1, 0], [gone, 0, 1 << 32 | 1, 0, 0], [7, 0, 1 << 32 | 1, 1, 0],
      [gone, 0, 1 << 32 | 1, 1] + [UInt64](repeating: 0, count: 8),
    ] {
      heap.block(words)
    }
    let leaks = try #require(try heap.analysis().leaks)
    let tables = try #require(leaks.first { $0.title == TypedHeap.emptySideTableName })
    #expect(tables.instances == 3 && tables.kind == .chain)
    #expect(leaks.filter { $0.kind == .native }.reduce(0) { $0 + $1.instances } == 4)
  }

  @Test func aGlobalWeakVariableIsRecognisedByItsSideTable() throws {
    let heap = SyntheticHeap()
    let object = heap.classType("Object", fields: ["me"])
    var builder: [UInt64] = [0, 0, 0, 0]
    builder[0] = SyntheticHeap.heapBase + 48
    let table = heap.block(builder)
    let leaked = heap.block([object, table >> 3 | 3 << 62, 0])
    #expect(leaked == builder[0])
    heap.store(leaked, in: leaked, at: 16)
    heap.root(table)
    let result = try heap.analysis()
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [leaked])
  }

  @Test func unownedReferencesKeepOnlyDeinitialisedObjects() throws {
    let heap = SyntheticHeap()
    let holder = heap.classType("Holder", fields: ["first", "second"], strengths: [.unowned, .unowned])
    let object = heap.classType("Object", fields: [])
    let dead = heap.block([object, 1 << 32 | 2])
    let alive = heap.block([object, Self.live])
    heap.root(heap.block([holder, Self.live, dead, alive]))
    let result = try heap.analysis()
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [alive])
  }

  @Test func aStrongFieldDoesNotReachIntoTheMiddleOfAnObject() throws {
    let heap = SyntheticHeap()
    let holder = heap.classType("Holder", fields: ["field"])
    let object = heap.classType("Object", fields: [])
    let target = heap.block([object, Self.live, 0, 0])
    let raw = heap.block([0, 0, 0, 0])
    heap.root(heap.block([holder, Self.live, target + 16]))
    heap.root(heap.block([holder, Self.live, raw + 16]))
    let result = try heap.analysis()
    // Memory without a type may hold objects inside.
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [target])
  }

  @Test func taggedReferencesCount() throws {
    let heap = SyntheticHeap()
    let object = heap.classType("Object", fields: [])
    let a = heap.block([object, Self.live])
    let b = heap.block([object, Self.live])
    heap.root(a | 0x8000_0000_0000_0000 | 4)
    heap.root(b | 0x4000_0000_0000_0001)
    #expect(try heap.analysis().unreachable.isEmpty)
  }

  @Test func registersAreRoots() throws {
    let heap = SyntheticHeap()
    let object = heap.classType("Object", fields: [])
    let a = heap.block([object, Self.live])
    let b = heap.block([object, Self.live])
    let vector = withUnsafeBytes(of: b.littleEndian) { Array($0) }
    heap.threads = [
      ThreadState(tid: 7, stackPointer: 0x1000, threadPointer: 0x2000, registers: [1, a], vectorState: vector)
    ]
    let result = try heap.analysis()
    #expect(result.unreachable.isEmpty)
    #expect(result.rootCount == 2)
  }

  @Test func blocksInTheHandsOfTheAllocatorAreNoLeaks() throws {
    let heap = SyntheticHeap()
    let object = heap.classType("Object", fields: [])
    let inside = heap.block([object, Self.live])
    let table = heap.block([1, inside, 0])
    heap.block([object, Self.live])
    #expect(try heap.analysis().unreachable.count == 3)
    heap.blocksInFlight = [table]
    #expect(try heap.analysis().unreachable.count == 1)
  }

  @Test func anIdleThreadsRegistersAreNoRoots() throws {
    let heap = SyntheticHeap()
    let object = heap.block([heap.classType("Object", fields: []), Self.live])
    heap.threads = [ThreadState(tid: 7, stackPointer: 0x1000, threadPointer: 0x2000, registers: [object])]
    #expect(try heap.analysis().unreachable.isEmpty)
    let context = HeapAnalysis.Context(idleWorkers: IdleWorkers(idleFrames: [7: 0x800..<0x1200]))
    #expect(try heap.analysis(context: context).unreachable.count == 1)
  }

  @Test func nativeBlocksAreGroupedBySizeUnderTheirTop() throws {
    let heap = SyntheticHeap()
    for _ in 0..<4 {
      let tail = heap.block([1, 0, 0, 0, 0])
      heap.block([tail, 0, 0])
    }
    let groups = try #require(try heap.analysis().leaks)
    #expect(groups.count == 1)
    #expect(groups.first?.kind == .native)
    #expect(groups.first?.title == "malloc(24)")
    #expect(groups.first?.instances == 4)
    #expect(groups.first?.blocks == 8)
  }

  @Test func inAHeapWithoutSwiftObjectsLeaksAreOnlyPossible() throws {
    let heap = SyntheticHeap()
    heap.block([1, 0, 0])
    let foreign = try heap.analysis()
    #expect(foreign.leaks?.first?.confidence == .possible)
    #expect(foreign.remarks.count == 1)
    heap.root(heap.block([heap.classType("Object", fields: []), Self.live]))
    let mixed = try heap.analysis()
    #expect(mixed.leaks?.first?.confidence == .likely)
    #expect(mixed.remarks.isEmpty)
  }

  @Test func wordsOfNativeMemoryMayCarryTagsInTheirTopSixteenBits() throws {
    let heap = SyntheticHeap()
    let inner = heap.block([1, 0, 0])
    heap.root(heap.block([1, inner | 0xabcd << 48, 0]))
    #expect(try heap.analysis().unreachable.isEmpty)
  }

  @Test func memoryThatWasProtectedAfterwardsStillHoldsRoots() throws {
    let heap = SyntheticHeap()
    let kept = heap.block([heap.classType("Object", fields: []), Self.live])
    heap.protectedWords = [kept]
    #expect(try heap.analysis().unreachable.isEmpty)
  }

  @Test func doubtLowersConfidence() throws {
    let heap = SyntheticHeap()
    let object = heap.classType("Object", fields: ["me"])
    let leaked = heap.block([object, Self.live, 0])
    heap.store(leaked, in: leaked, at: 16)
    #expect(try heap.analysis(failingCheck: true).leaks?.first?.confidence == .likely)
  }

  @Test func leaksAreNotJudgedWhereTheyCannotBe() throws {
    let heap = SyntheticHeap()
    let object = heap.classType("Object", fields: [])
    let a = heap.block([object, Self.live])
    heap.block([object, Self.live])
    heap.root(a)
    let inexact = try heap.analysis(isExact: false)
    #expect(inexact.leaks == nil)
    #expect(inexact.leaksNotJudged != nil)
    #expect(inexact.census.first?.count == 1)
    let running = try heap.analysis(source: .running)
    #expect(running.leaks == nil)
    #expect(running.census.first?.count == 2)
  }

  /// Objects of an unknown allocator lie in memory that may hold roots: their own words are none, and neither are the allocator's notes on
  /// what somebody holds.
  @Test func objectsOfAnUnknownAllocatorHangOnWhoHoldsThem() throws {
    let heap = SyntheticHeap()
    let holder = heap.classType("Holder", fields: ["item"])
    let item = heap.classType("Item", fields: [])
    let held = heap.block([item, Self.live])
    let owner = heap.block([holder, Self.live, held])
    let unknown = heap.block([item, Self.live])
    let dropped = heap.block([holder, Self.live, heap.block([item, Self.live])])
    heap.root(owner)
    heap.protectedWords = [held, unknown]
    let (analysis, _) = try heap.keepingReferences(isExact: false)
    let references = try #require(analysis.references)
    let blocks = analysis.heap.blocks
    #expect(Set(references.roots.map { blocks.address(Int($0.block)) }) == [owner, unknown])
    #expect(analysis.census.reduce(0) { $0 + $1.count } == 3)
    #expect(!references.marked.contains(blocks.index(startingAt: dropped)))
  }

  @Test func freedMemoryInABufferIsNoReference() throws {
    let heap = SyntheticHeap()
    let object = heap.classType("Object", fields: [])
    let dropped = heap.block([object, Self.live])
    let buffer = heap.block([0x6f_6c6c_6568, 0, dropped, 0])
    heap.root(buffer)
    let result = try heap.analysis(context: .init(byteBuffers: [buffer]))
    #expect(result.unreachable.map { result.heap.blocks.address(Int($0)) } == [dropped])
  }
}
