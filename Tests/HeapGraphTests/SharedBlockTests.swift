import ProcessImage
import SwiftMetadata
import Symbols
import Testing

@testable import HeapGraph

/// What several holders share is told with all of them, and with the field they have in common.
@Suite struct SharedBlockTests {
  /// An event that is published to three streams hangs on none of them: their buffers' field is what they have in common.
  @Test func elementsOfSeveralContainersHaveTheirField() throws {
    let heap = SyntheticHeap()
    let event = heap.classType("Event", fields: [])
    let element = SyntheticHeap.reference(to: "Event")
    let array = heap.type(.arrayStorage, "_ContiguousArrayStorage<Event>", .array(elements: 32, element: element))
    let stream = heap.classType("Stream", fields: ["pending"])
    let events = (0..<20).map { _ in heap.block([event, 3]) }
    for _ in 0..<3 { heap.root(heap.block([stream, 3, heap.block([array, 3, 20, 40] + events)])) }
    // What different fields hold has none in common.
    let other = heap.classType("Other", fields: ["a", "b", "c", "d"])
    let leaf = heap.classType("Leaf", fields: [])
    for _ in 0..<3 {
      let leaves = (0..<4).map { _ in heap.block([leaf, 3]) }
      heap.root(heap.block([other, 3] + leaves))
      heap.root(heap.block([other, 3] + leaves[1...] + leaves[..<1]))
    }
    let (analysis, image) = try heap.keepingReferences()
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: EachWord())
    let report = try holders.holders(cut: 0)
    let shared = report.holders.filter { $0.kind == .shared }
    // As the text has it, with a sharer whose own name has an arrow.
    let title = "20 x Event, most of them in Stream.pending[…], reached from closure context (() -> Void) and others"
    #expect(try holders.held(by: title).bytes == shared.first { $0.name.contains("Event") }?.retainedBytes)
    #expect(shared.first { $0.name.contains("Event") }?.sharedBy == "Stream.pending[…]", "\(shared)")
    let mixed = try #require(shared.first { $0.name.contains("Leaf") })
    #expect(mixed.sharedBy == nil, "\(mixed)")
  }

  /// Both variables lead to it: neither alone keeps it, and both are named.
  @Test func sharedBlocksNameTheirHolders() throws {
    let heap = SyntheticHeap()
    let type = heap.classType("Shared", fields: [])
    let block = heap.block([type, 3])
    heap.root(block)
    heap.root(0)
    heap.root(block)
    let (analysis, image) = try heap.keepingReferences()
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: EachWord())
    let report = try holders.holders()
    #expect(report.holders.map(\.kind) == [.shared])
    #expect(report.holders.first?.heldBy == ["variable 0", "variable 2"])
  }

  /// A stray word leads to it as well: the variable is named, although it is a step farther.
  @Test func variablesAreNamedInsteadOfStrayWords() throws {
    let heap = SyntheticHeap()
    let owner = heap.classType("Owner", fields: ["part"])
    let part = heap.block([heap.classType("Part", fields: []), 3])
    heap.root(heap.block([owner, 3, part]))
    heap.protectedWords = [part]
    let (analysis, image) = try heap.keepingReferences()
    let report = try HeapHolders(analysis: analysis, image: image, symbols: EachWord()).holders()
    let shared = report.holders.first { $0.kind == .shared }
    #expect(shared?.heldBy == ["variable 0"])
  }

  /// A thread works on what a variable of the program holds: it takes no part of it away, and what it alone has is its own.
  @Test func aStackTakesNothingFromAVariable() throws {
    let heap = SyntheticHeap()
    let owner = heap.classType("Owner", fields: ["part"])
    let part = heap.block([heap.classType("Part", fields: []), 3])
    let work = heap.block([heap.classType("Work", fields: []), 3])
    heap.root(heap.block([owner, 3, part]))
    heap.threads = [ThreadState(tid: 7, stackPointer: 0x1000, threadPointer: 0x2000, registers: [part, work])]
    let (analysis, image) = try heap.keepingReferences()
    let report = try HeapHolders(analysis: analysis, image: image, symbols: EachWord(isSwift: true)).holders(cut: 0)
    #expect(report.holders.map(\.kind) == [.root, .root], "\(report.holders)")
    #expect(report.holders.first?.retainedBytes == 40 && report.holders.last?.children.first?.name == "Work")
    // A library's variable, which leads to everything, shares what a frame has.
    let shared = try HeapHolders(analysis: analysis, image: image, symbols: EachWord()).holders(cut: 0)
    #expect(shared.holders.contains { $0.kind == .shared && $0.name == "Part" }, "\(shared.holders)")
  }

  /// A copy of an array leaves its elements' addresses in vector registers: they hang on the array all the same, and only what nothing else leads to hangs on
  /// the registers.
  @Test func whatACopyLeftInRegistersSharesNothing() throws {
    let heap = SyntheticHeap()
    let shard = heap.classType("Shard", fields: [])
    let array = heap.type(
      .arrayStorage, "_ContiguousArrayStorage<Shard>",
      .array(elements: 32, element: SyntheticHeap.reference(to: "Shard")))
    let shards = (0..<40).map { _ in heap.block([shard, 3, 0, 0]) }
    heap.root(heap.block([array, 3, 40, 80] + shards))
    let inHand = heap.block([heap.classType("Work", fields: ["shard"]), 3, shards[39]])
    let vectors = (shards[8..<30] + [inHand]).flatMap { word in withUnsafeBytes(of: word.littleEndian, Array.init) }
    heap.threads = [ThreadState(tid: 7, stackPointer: 0x1000, threadPointer: 0x2000, vectorState: vectors)]
    let (analysis, image) = try heap.keepingReferences()
    #expect(analysis.leaks == [])
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: EachWord())
    let report = try holders.holders(cut: 0)
    let top = Dictionary(uniqueKeysWithValues: report.holders.map { ($0.name, $0) })
    #expect(top["variable 0"]?.children.first?.container?.entries == 40)
    // One of them hangs on what a thread has in hand as well.
    #expect(top["variable 0"]?.retainedBytes == 32 + 40 * 8 + 39 * 32, "\(report.holders)")
    #expect(top["vector registers of threads"]?.children.map(\.name) == ["Work"])
    #expect(report.holders.count { $0.kind == .shared } == 1)
    #expect(report.holders.reduce(0) { $0 + $1.retainedBytes } == report.reachableBytes)
  }
}

/// Every word is a variable.
private struct EachWord: SymbolSource {
  /// As a global of the program's own module is mangled.
  var isSwift = false
  func symbol(at address: UInt64) -> Symbol? {
    address < SyntheticHeap.globals
      ? nil
      : Symbol(
        address: address & ~7, size: 8,
        mangledName: isSwift ? "$s4test5ownerSivp" : "variable \((address - SyntheticHeap.globals) / 8)",
        module: "/bin/test", isData: true)
  }
  func address(of mangledName: String) -> UInt64? { nil }
}
