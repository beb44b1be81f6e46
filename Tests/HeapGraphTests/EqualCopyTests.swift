import SwiftMetadata
import Testing

@testable import HeapGraph

/// Copies are equal in all that they refer to, wherever that lies.
@Suite struct EqualCopyTests {
  /// Chains of `levels` objects, each of which a slot of one array refers to; the last object of each holds one of two numbers.
  ///
  /// - Parameter leavesFirst: whether what an object refers to lies before or behind it.
  private func waste(chains: Int, levels: Int, leavesFirst: Bool) throws -> WasteReport {
    let heap = SyntheticHeap()
    let leaf = heap.type(.class, "Leaf", .fixed(size: 24, slots: []))
    let inner = (1..<levels).map { heap.classType("Level\($0)", fields: ["below"]) }
    let array = heap.type(.arrayStorage, "[Level]", .array(elements: 32, element: SyntheticHeap.reference(to: "Level")))
    var tops: [UInt64] = []
    for chain in 0..<chains {
      let number = UInt64(chain % 2 + 1)
      if leavesFirst {
        var below = heap.block([leaf, 3, number])
        for type in inner { below = heap.block([type, 3, below]) }
        tops.append(below)
      } else {
        var blocks = inner.reversed().map { heap.block([$0, 3, 0]) }
        blocks.append(heap.block([leaf, 3, number]))
        for (above, below) in zip(blocks, blocks.dropFirst()) { heap.store(below, in: above, at: 16) }
        tops.append(blocks[0])
      }
    }
    heap.root(heap.block([array, 3, UInt64(chains), UInt64(chains * 2)] + tops))
    let (analysis, image) = try heap.keepingReferences()
    return try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal()).waste()
  }

  @Test(arguments: [1, 2, 5, 7], [false, true]) func copiesOfChains(levels: Int, leavesFirst: Bool) throws {
    let waste = try waste(chains: 40, levels: levels, leavesFirst: leavesFirst)
    // A chain that goes takes all of it along: what lies below is not counted again.
    let top = levels == 1 ? "Leaf" : "Level\(levels - 1)"
    #expect(
      waste.duplicates == [DuplicateGroup(type: top, blocks: 40, distinct: 2, savedBytes: UInt64(38 * levels * 24))])
  }

  /// Two objects that refer to each other are copies of nothing, and end the search.
  @Test func ringsAreNotCompared() throws {
    let heap = SyntheticHeap()
    let node = heap.classType("Node", fields: ["other", "next"])
    var next: UInt64 = 0
    for _ in 0..<20 {
      let first = heap.block([node, 3, 0, next])
      let second = heap.block([node, 3, first, 0])
      heap.store(second, in: first, at: 16)
      next = first
    }
    heap.root(next)
    let (analysis, image) = try heap.keepingReferences()
    #expect(try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal()).waste().duplicates.isEmpty)
  }

  /// What came twice is never left out; of what came once at most a fifth is kept for nothing.
  @Test func repeatedHashesAreTold() {
    let count = 10_000
    let filter = RepeatFilter(count: count)
    var generator = SystemRandomNumberGenerator()
    let unique = (0..<count / 2).map { _ in generator.next() as UInt64 }
    let repeated = (0..<count / 4).map { _ in generator.next() as UInt64 }
    for hash in unique + repeated + repeated { filter.add(hash) }
    #expect(repeated.allSatisfy(filter.mayRepeat))
    // 0.12 of them on average, with a standard deviation of 0.005.
    #expect(unique.count(where: filter.mayRepeat) < unique.count / 5)
    let empty = RepeatFilter(count: 0)
    #expect(!empty.mayRepeat(.max))
    empty.add(.max)
    empty.add(.max)
    #expect(empty.mayRepeat(.max))
  }
}
