import SwiftMetadata
import Testing

@testable import HeapGraph

/// Trees of hashes: children from the start of a node, items from its end, and between them what has been removed.
@Suite struct HashNodeTests {
  /// Keys are numbers, values are objects.
  private static let layout = ObjectLayout.hashNode(
    key: ValueLayout(typeName: "Int", size: 8, stride: 8, alignment: 8, slots: []),
    value: SyntheticHeap.reference(to: "Leaf"))

  private func header(items: UInt64, children: UInt64, room: Int) -> [UInt64] {
    [items | children << 32, UInt64(room)]
  }

  /// A root with three items, two children below it, and room for five more words.
  private func tree() throws -> (heap: SyntheticHeap, leaves: [UInt64]) {
    let heap = SyntheticHeap()
    let leaf = heap.classType("Leaf", fields: [])
    let node = heap.type(.dictionaryStorage, "HashTreeCollections._HashNode<Int, Leaf>.Storage", Self.layout)
    let leaves = (0..<10).map { _ in heap.block([leaf, 3]) }
    // Two items whose hash values are equal: the bitmaps are their number.
    let collision = heap.block([node, 3] + header(items: 2, children: 2, room: 32) + [1, leaves[0], 2, leaves[1]])
    let inner = heap.block([node, 3] + header(items: 0b1010, children: 0, room: 32) + [3, leaves[2], 4, leaves[3]])
    // Four words between children and items, of which two still lead to what was removed.
    heap.root(
      heap.block(
        [node, 3] + header(items: 0b111, children: 0b11000, room: 112)
          + [collision, 2, inner, 2, leaves[8], leaves[9], 0, 0] + [5, leaves[4], 6, leaves[5], 7, leaves[6]]))
    return (heap, leaves)
  }

  @Test func theTreeIsOneContainer() throws {
    let (heap, leaves) = try tree()
    let (analysis, image) = try heap.keepingReferences()
    #expect(analysis.unreachable.count == 3)
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal())
    let storage = try #require(try holders.holders(cut: 0).holders.first?.children.first)
    #expect(storage.name == "TreeDictionary<Int, Leaf> storage" && storage.count == 1, "\(storage)")
    let container = try #require(storage.container)
    #expect(container.kind == .dictionary && container.keyType == "Int" && container.valueType == "Leaf")
    #expect(container.containers == 1 && container.entries == 7 && container.emptyBytes == 0, "\(container)")
    #expect(storage.children.map(\.field) == ["[value]"] && storage.children.map(\.count) == [7], "\(storage)")
    let path = try holders.paths(to: .address(leaves[4]), image: image)
    #expect(path.groups.map(\.text) == ["cache : Link[value] -> Leaf"], "\(path.groups.map(\.text))")
  }

  /// A node that contradicts itself, as one that is being changed may: everything is believed, nothing traps.
  @Test(arguments: [
    (items: UInt64(0xffff_ffff), children: UInt64(0xffff_ffff), room: 32), (items: 0b111, children: 0, room: 32),
    (items: 0b1, children: 0, room: 0xffff_ffff), (items: 0, children: 0xffff_fffe, room: 32),
  ]) func tornNodes(items: UInt64, children: UInt64, room: Int) throws {
    let heap = SyntheticHeap()
    let leaf = heap.block([heap.classType("Leaf", fields: []), 3])
    let node = heap.type(.dictionaryStorage, "HashTreeCollections._HashNode<Int, Leaf>.Storage", Self.layout)
    heap.root(heap.block([node, 3] + header(items: items, children: children, room: room) + [leaf, 0, 0, 0]))
    let (analysis, image) = try heap.keepingReferences()
    #expect(analysis.unreachable.isEmpty)
    _ = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal()).holders(cut: 0)
  }

  /// Where a word of an item lies is told by the end of the block alone.
  @Test func positionsInAnItem() {
    let key = ValueLayout(typeName: "Int32", size: 4, stride: 4, alignment: 4, slots: [])
    let item = HashNodeShape.Item(key: key, value: SyntheticHeap.reference(to: "Leaf"))
    #expect(item.valueOffset == 8 && item.stride == 16)
    // 104 bytes that malloc gave: room for four children's places, and one word that is no use.
    #expect([32, 40, 88].map { item.position(of: $0, size: 104) } == [0, 8, 8])
    #expect(item.position(of: 96, size: 104) == 0 && item.position(of: 8, size: 16) == 0)
  }
}
