import SwiftMetadata
import Testing

@testable import HeapGraph

/// What the tree of holders shows, and where it ends.
@Suite struct HolderTreeTests {
  private func report(_ heap: SyntheticHeap) throws -> HolderReport {
    let (analysis, image) = try heap.keepingReferences()
    return try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal()).holders(cut: 0)
  }

  private func chain(_ holder: Holder) -> [String] { [holder.name] + (holder.children.first.map(chain) ?? []) }

  /// A sleeping task hangs on a block of the runtime's, which hangs on a block of libdispatch's: blocks without a type are not one type.
  @Test func blocksWithoutATypeEndNoBranch() throws {
    let heap = SyntheticHeap()
    let store = heap.block([heap.classType("Store", fields: []), 3, 0, 0, 0, 0])
    let token = heap.block([0, 0, store])
    let context = heap.block([heap.classType("Context", fields: ["token"]), 3, token])
    heap.root(heap.block([0, 0, context]))
    let holder = try #require(try report(heap).holders.first)
    #expect(chain(holder).suffix(4) == ["untyped block", "Context", "untyped block", "Store"], "\(chain(holder))")
  }

  @Test func whoWaitsForATaskIsToldByTheFunction() {
    for name in ["Task.value.getter", "Task.result.getter"] { #expect(TaskGroup.isAnothersEnd(name)) }
    for name in ["Clock.sleep(for:tolerance:)", "TaskGroup.next(isolation:)", "Task.sleep(nanoseconds:)"] {
      #expect(!TaskGroup.isAnothersEnd(name))
    }
  }

  /// A value too large for an existential: what leads to its box says that it is none of a closure's.
  @Test(arguments: [(0, ["box of Big", ".next"]), (8, ["closure context (Big)", ".capture.next"])])
  func boxesOfLargeValuesAreNoClosures(word: Int, names: [String]) throws {
    let heap = SyntheticHeap()
    let slots = [0, 8, 16].map { ReferenceSlot(offset: $0, strength: .ambiguous, typeName: "any Shape") }
    let array = heap.type(
      .arrayStorage, "_ContiguousArrayStorage<any Shape>",
      .array(
        elements: 32, element: ValueLayout(typeName: "any Shape", size: 40, stride: 40, alignment: 8, slots: slots)))
    let big = heap.type(
      .closureContext, "closure context (Big)",
      .fixed(size: 24, slots: [.init(offset: 16, strength: .strong, path: "capture.next", typeName: "Next")]))
    let next = heap.block([heap.classType("Next", fields: []), 3, 0, 0])
    let storage = heap.block([array, 3, 1, 0, 0, 0, 0, 0, 0])
    heap.store(heap.block([big, 3, next]), in: storage, at: 32 + word)
    heap.root(storage)
    let box = try #require(try report(heap).holders.first?.children.first?.children.first)
    #expect(box.name == names[0] && box.children.first?.field == names[1], "\(box)")
  }

  /// Libdispatch's timer leads to a task that wakes the sleeper, and the sleeper has tasks that are done: none of the two has a function.
  @Test func functionsThatAreNotKnownAreNotOne() throws {
    let heap = SyntheticHeap()
    let (analysis, image) = try heap.keepingReferences()
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal())
    #expect(holders.isUnknown(UInt64(TypedHeap.unknown)) && !holders.isUnknown(7))
    #expect(!holders.isUnknown(.max) && !holders.isUnknown(1 << 40))
  }

  /// A type of the program that comes again does end it: the tree of a long alternating list would be as deep as the list.
  @Test func aTypeThatComesAgainEndsTheBranch() throws {
    let heap = SyntheticHeap()
    let (even, odd) = (heap.classType("Even", fields: ["next"]), heap.classType("Odd", fields: ["next"]))
    var next: UInt64 = 0
    for index in 0..<100 { next = heap.block([index % 2 == 0 ? even : odd, 3, next]) }
    heap.root(next)
    let holder = try #require(try report(heap).holders.first)
    #expect(chain(holder).suffix(2) == ["Odd", "Even"])
  }

  /// Rooms of buildings have messages: one class of storage for three arrays, none of which is a part of another.
  @Test func arraysOfObjectsEndNoBranch() throws {
    let heap = SyntheticHeap()
    let array = heap.type(
      .arrayStorage, "_ContiguousArrayStorage<AnyObject>",
      .array(elements: 32, element: SyntheticHeap.reference(to: "AnyObject")))
    func storage(_ elements: [UInt64]) -> UInt64 { heap.block([array, 3, UInt64(elements.count), 0] + elements) }
    let message = heap.classType("Message", fields: [])
    let room = heap.classType("Room", fields: ["messages"])
    let building = heap.classType("Building", fields: ["rooms"])
    let buildings = (0..<2).map { _ in
      let rooms = (0..<3).map { _ in
        let messages = (0..<50).map { _ in heap.block([message, 3]) }
        return heap.block([room, 3, storage(messages)])
      }
      return heap.block([building, 3, storage(rooms)])
    }
    heap.root(storage(buildings))
    let (analysis, image) = try heap.keepingReferences()
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal())
    let holder = try #require(try holders.holders(cut: 0).holders.first)
    let arrays = "[AnyObject] storage"
    #expect(chain(holder).suffix(6) == [arrays, "Building", arrays, "Room", arrays, "Message"], "\(chain(holder))")
    var container = holder.children.first
    for entries in [2, 6, 300] as [UInt64] {
      #expect(container?.container?.entries == entries)
      container = container?.children.first?.children.first
    }
    let paths = try holders.paths(to: .type("Message"), image: image)
    let steps = paths.groups.map { $0.steps.map { $0.field + $0.type } }
    #expect(
      steps == [[arrays, "[…]Building", ".rooms" + arrays, "[…]Room", ".messages" + arrays, "[…]Message"]], "\(steps)")
  }

  /// A tree of parsed JSON is of two storage classes only: what an array of `Any` has is not what the arrays in it have.
  @Test func collectionsOfAnyEndNoBranch() throws {
    let heap = SyntheticHeap()
    let any = ValueLayout(
      typeName: "Any", size: 32, stride: 32, alignment: 8,
      slots: [ReferenceSlot(offset: 0, strength: .ambiguous, typeName: "Any")])
    let array = heap.type(.arrayStorage, "_ContiguousArrayStorage<Any>", .array(elements: 32, element: any))
    func storage(_ elements: [UInt64]) -> UInt64 {
      heap.block([array, 3, UInt64(elements.count), 0] + elements.flatMap { [$0, 0, 0, SyntheticHeap.metadata] })
    }
    heap.root(storage((0..<7).map { _ in storage([0, 0, 0]) }))
    let holder = try #require(try report(heap).holders.first?.children.first)
    #expect(holder.container?.entries == 7 && holder.count == 1, "\(holder)")
    #expect(holder.children.first?.container?.entries == 21)
  }

  /// Nodes of a `std::map` in a Swift class link each other, and few of them have a word of the class that leads there: all belong to the field. What
  /// nodes of two fields lead to belongs to none.
  @Test func nodesThatLinkEachOtherBelongToTheirField() throws {
    let heap = SyntheticHeap()
    func region(_ start: Int, _ path: String) -> [ReferenceSlot] {
      (0..<3).map { ReferenceSlot(offset: start + 8 * $0, strength: .ambiguous, path: path) }
    }
    let index = heap.type(.class, "Index", .fixed(size: 64, slots: region(16, "byId") + region(40, "recent")))
    let shared = heap.block([0, 0])
    func container(_ count: Int) -> [UInt64] {
      let nodes = (0..<count).map { _ in heap.block([0, 0, 0, 0, 0, 0]) }
      for (number, node) in nodes.enumerated() {
        // Both neighbours, so that no node alone leads to another, and one that others lead to.
        heap.store(nodes[(number + 1) % count], in: node, at: 8)
        heap.store(nodes[(number + count - 1) % count], in: node, at: 16)
        if number == 4 { heap.store(shared, in: node, at: 24) }
      }
      return nodes
    }
    let (map, list) = (container(40), container(30))
    heap.root(heap.block([index, 3, map[0], map[1], map[39], list[0], list[29], 0]))
    let object = try #require(try report(heap).holders.first?.children.first)
    #expect(object.name == "Index")
    let fields = Dictionary(uniqueKeysWithValues: object.children.map { ($0.field, $0.count) })
    #expect(fields == [".byId": 40, ".recent": 30, "": 1], "\(fields)")
  }

  /// A coarser tree is what is left of a finer one.
  @Test func aTreeIsPrunedToACoarserOne() throws {
    let heap = SyntheticHeap()
    let (store, entry) = (heap.classType("Store", fields: ["a", "b"]), heap.classType("Entry", fields: ["next"]))
    let big = heap.block([heap.classType("Big", fields: []), 3] + [UInt64](repeating: 0, count: 60))
    heap.root(heap.block([store, 3, big, heap.block([entry, 3, 0])]))
    let (analysis, image) = try heap.keepingReferences()
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal())
    let all = try holders.holders(cut: 0)
    let coarse = try holders.holders(cut: 0.2)
    #expect(all.pruned(cut: 0.2) == coarse && all != coarse)
    let kept = try #require(coarse.holders.first?.children.first)
    #expect(kept.children.map(\.name) == ["Big"] && kept.otherCount == 1 && kept.otherBytes > 0)
  }

  /// Only unowned references lead to objects whose deinit has run: the field that has the references is told.
  @Test func deadObjectsAreToldByTheFieldThatKeepsThem() throws {
    let heap = SyntheticHeap()
    let account = heap.classType("Account", fields: [])
    let entry = heap.classType("Entry", fields: ["account", "next"], strengths: [.unowned, .strong])
    var next: UInt64 = 0
    for _ in 0..<50 { next = heap.block([entry, 3, heap.block([account, 1 << 32 | 2, 0, 0, 0, 0]), next]) }
    heap.root(next)
    let root = try #require(try report(heap).holders.first { $0.root?.kind == .unowned })
    let accounts = try #require(root.children.first)
    #expect(accounts.name == "Account" && accounts.count == 50)
    #expect(accounts.sharedBy == "Entry.account")
  }

  /// One large table beside many small ones: what another shape saves is no more than what all of them take.
  @Test func shapesAreAnAverageOfAllTables() throws {
    let key = ValueLayout(typeName: "String", size: 16, stride: 16, alignment: 8, slots: [])
    let value = ValueLayout(typeName: "Page", size: 32, stride: 32, alignment: 8, slots: [])
    let tables: [StorageShapes.Table: Int] = [
      .init(buckets: 8192, entries: 6000): 1, .init(buckets: 4, entries: 3): 10_000,
    ]
    let shapes = StorageShapes.average(
      of: tables, key: key, value: value, isShareable: true, differingBytes: 16, haveAllKeys: false)
    func bytes(_ kind: ValueSummary.Shape.Kind) throws -> UInt64 {
      try #require(shapes.first { $0.kind == kind }).bytesPerContainer
    }
    // By the layout: 32 bytes of header, a bitmap, and each bucket's key and value, rounded up by malloc.
    let all = 10_000 * StorageShapes.chunk(64 + 8 + 4 * 48) + StorageShapes.chunk(64 + 1024 + 8192 * 48)
    #expect(try bytes(.inline) * 10_001 <= all + 10_001 && bytes(.inline) * 10_001 + 200 * 10_001 >= all)
    #expect(try bytes(.shared) < bytes(.inline))
    #expect(
      StorageShapes.average(
        of: [:], key: key, value: value, isShareable: true, differingBytes: nil, haveAllKeys: true
      ).isEmpty)
  }
}
