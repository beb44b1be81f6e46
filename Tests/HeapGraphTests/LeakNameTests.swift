import Testing

@testable import HeapGraph
@testable import SwiftMetadata

/// What the parts of a leak are called, and which words are references that lead out of one.
@Suite struct LeakNameTests {
  /// A value too large for an existential lies in a box that looks like a closure's context; a closure's context is never the first word.
  @Test(arguments: [(0, "box of Big"), (8, "closure context (Big)")])
  func boxesAreToldFromClosures(word: Int, name: String) throws {
    let heap = SyntheticHeap()
    let slots = [16, 24, 32].map {
      ReferenceSlot(offset: $0, strength: .ambiguous, path: "shape", typeName: "any Shape")
    }
    let owner = heap.type(.class, "Owner", .fixed(size: 48, slots: slots), isOwn: true)
    let big = heap.type(
      .closureContext, "closure context (Big)", .fixed(size: 24, slots: [.init(offset: 16, strength: .strong)]))
    let object = heap.block([owner, LeakTests.live, 0, 0, 0, 0])
    heap.store(heap.block([big, LeakTests.live, object]), in: object, at: 16 + word)
    let group = try #require(try heap.analysis().leaks?.first)
    #expect(group.steps.map(\.type) == ["Owner", name] && group.steps.map(\.isOwn) == [true, false])
  }

  /// An address that is kept as an integer may have marks in the bits that alignment leaves free, and a count above it; the next word is another
  /// address.
  @Test(
    arguments: [(0, 0), (1, 0), (7, 0), (8, 1), (0xfffe << 48 | 3, 0), (1 << 48, 0), (1 << 47, 1)] as [(UInt64, Int)])
  func addressesWithMarksAreReferences(mark: UInt64, leaks: Int) throws {
    let heap = SyntheticHeap()
    let tagged = heap.classType("Tagged", fields: ["bits"], strengths: [.number])
    let object = heap.block([heap.classType("Inner", fields: []), LeakTests.live])
    heap.root(heap.block([tagged, LeakTests.live, object + mark]))
    #expect(try heap.analysis().leaks?.count == leaks)
  }

  /// An `indirect` case may carry a function: it lies in a box as what the other cases carry, and the box is no closure.
  @Test func boxesOfFunctionsAreBoxes() throws {
    let heap = SyntheticHeap()
    var slot = ReferenceSlot(offset: 16, strength: .strong, path: "tree", typeName: "Tree")
    slot.choice = EnumChoice(
      tag: EnumTag(mask: [7, 0, 0, 0, 0, 0, 0, 0], payloadSize: 8, payloads: 2, emptyCases: 0),
      cases: ["box of (Tree, Tree)", "box of () -> Tree"].enumerated().map { number, type in
        .init(number: number, slot: ReferenceSlot(offset: 0, strength: .strong, path: "tree", typeName: type))
      })
    let owner = heap.type(.class, "Node", .fixed(size: 24, slots: [slot]), isOwn: true)
    let pair = heap.type(
      .closureContext, "closure context ((Tree, Tree))",
      .fixed(size: 24, slots: [.init(offset: 16, strength: .strong)]))
    let object = heap.block([owner, LeakTests.live, 0])
    heap.store(heap.block([pair, LeakTests.live, object]), in: object, at: 16)
    let group = try #require(try heap.analysis().leaks?.first)
    #expect(group.steps.map(\.type) == ["Node", "box of (Tree, Tree)"] && group.steps.allSatisfy { !$0.isClosure })
  }

  /// The runtime's warnings take more than the tasks of which they warn; texts are one group, however long they are.
  @Test func textsOfWarningsComeBehindTheTasks() throws {
    let heap = SyntheticHeap()
    let task = heap.type(.task, "Task", .task(schedulerLinks: []))
    let text = heap.type(.native, ObjectType.runtimeWarnings, .none)
    let other = heap.type(.native, "Parser", .conservative)
    for length in 20..<24 { heap.block([text] + [UInt64](repeating: 1, count: length)) }
    heap.block([other] + [UInt64](repeating: 1, count: 200))
    heap.block([task, LeakTests.live, 0, 0, 0])
    let context = HeapAnalysis.Context(
      taskWords: { _ in TaskWords(linksAreInUse: false) }, describeTask: { _ in ["fetch()"] })
    let groups = try #require(try heap.analysis(context: context).leaks)
    #expect(groups.map(\.kind) == [.native, .lostTask, .native])
    #expect(groups.last?.title == ObjectType.runtimeWarnings && groups.last?.instances == 4)
  }

  /// Their first word is no address.
  @Test func textsOfWarningsGetTheirType() {
    let text = ObjectType(kind: .native, name: ObjectType.runtimeWarnings, layout: .none)
    final class Decoder: ObjectTypeDecoder {
      let type: ObjectType
      init(type: ObjectType) { self.type = type }
      func objectType(head: UInt64, address: UInt64, size: UInt64) -> ObjectType? { type }
    }
    var typer = BlockTyper(decoder: Decoder(type: text), isInSmallBlock: { _ in false })
    let head = MetadataDecoder.warningHead
    let index = Int(typer.typeIndex(head: head, address: 0x7000, size: 200))
    #expect(index < typer.types.count && typer.types[index] == text)
    #expect(typer.typeIndex(head: head + 1, address: 0x7000, size: 200) == UInt32(TypedHeap.unknown))
  }

  /// A library's object may come first by name: a developer looks for his own.
  @Test func cyclesAreCalledByTheProgramsClass() throws {
    let heap = SyntheticHeap()
    let library = heap.classType("Archive.List", fields: ["items"])
    let own = heap.classType("Session", fields: ["list"], isOwn: true)
    let list = heap.block([library, LeakTests.live, 0])
    heap.store(heap.block([own, LeakTests.live, list]), in: list, at: 16)
    let group = try #require(try heap.analysis().leaks?.first)
    #expect(group.title == "Session.list -> Archive.List.items -> Session")
  }
}
