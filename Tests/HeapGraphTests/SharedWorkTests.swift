import SwiftMetadata
import TestSupport
import Testing

@testable import HeapGraph

/// Who holds what, and what is equal, do not depend on how many threads look.
@Suite struct SharedWorkTests {
  /// More blocks than one thread takes at a time, in an order that has nothing to do with their addresses: pairs of values behind nodes in an array.
  private func heap() -> SyntheticHeap {
    var generator = SeededGenerator(seed: 7)
    let heap = SyntheticHeap()
    let value = heap.type(.class, "Value", .fixed(size: 24, slots: []))
    let other = heap.type(.class, "Other", .fixed(size: 24, slots: []))
    let node = heap.classType("Node", fields: ["first", "second", "again"])
    let array = heap.type(.arrayStorage, "[Node]", .array(elements: 32, element: SyntheticHeap.reference(to: "Node")))
    var nodes = (0..<40_000).map { index in
      let first = heap.block([value, 3, UInt64(index % 1000)])
      let second = heap.block([index % 2 == 0 ? value : other, 3, UInt64(index)])
      return heap.block([node, 3, first, second, index % 3 == 0 ? first : 0])
    }
    nodes.shuffle(using: &generator)
    heap.root(heap.block([array, 3, UInt64(nodes.count), UInt64(nodes.count * 2)] + nodes))
    return heap
  }

  private func look(_ heap: SyntheticHeap, workers: Int) throws -> (holders: HolderReport, waste: WasteReport) {
    let (analysis, image) = try heap.keepingReferences(workers: workers)
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal(), comparesContents: workers > 1)
    return (try holders.holders(cut: 0), try holders.waste())
  }

  @Test func theAnswerIsThatOfOneThread() throws {
    let heap = heap()
    let alone = try look(heap, workers: 1)
    let shared = try look(heap, workers: 3)
    #expect(alone.holders == shared.holders)
    #expect(alone.waste == shared.waste)
    let array = try #require(shared.holders.holders.first?.children.first)
    let nodes = try #require(array.children.first)
    #expect(nodes.field == "[…]" && nodes.count == 40_000)
    // What two words of a block lead to is called by the first of them.
    #expect(
      nodes.children.map { "\($0.field) \($0.name) \($0.count)" }.sorted() == [
        ".first Value 40000", ".second Other 20000", ".second Value 20000",
      ])
    let copies = shared.waste.duplicates.first { $0.type == "Value" }
    // Values by number, of which the first thousand are among those that come again.
    #expect(copies?.distinct == 20_500)
    #expect(copies?.savedBytes == UInt64(60_000 - 20_500) * 24)
  }
}
