import Malloc
import TestSupport
import Testing

@testable import HeapGraph

/// References in memory without a type that lie at no multiple of eight.
@Suite struct OddPlaceTests {
  @Test(arguments: 1..<8) func keepWhatTheyReferTo(byte: Int) throws {
    let heap = SyntheticHeap()
    let node = heap.classType("Node", fields: ["next"])
    let leaf = heap.block([node, LeakTests.live, 0])
    let kept = heap.block([node, LeakTests.live, leaf])
    let record = heap.block([0, 0, 0])
    heap.store(kept, in: record, at: 8 + byte)
    heap.root(record)
    let lost = heap.block([node, LeakTests.live, 0])
    #expect(try heap.unreachableAddresses() == [lost])
  }

  /// A list whose links all lie at odd places, and one piece of which a word refers to.
  @Test func leadFromOneToTheNext() throws {
    let heap = SyntheticHeap()
    var next: UInt64 = 0
    for _ in 0..<1000 {
      let record = heap.block([0, 0, 0])
      heap.store(next, in: record, at: 3)
      next = record
    }
    heap.root(next)
    heap.block([0, 0, 0])
    #expect(try heap.unreachableAddresses().count == 1)
    let (analysis, image) = try heap.keepingReferences()
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal())
    #expect(holders.reachableBytes == 1000 * 24)
    let holder = try #require(try holders.holders(cut: 0).holders.first)
    #expect(holder.retainedBytes == 1000 * 24)
  }

  @Test func doNotCountWhereTypesSayWhatThereIs() throws {
    let heap = SyntheticHeap()
    let node = heap.classType("Node", fields: ["a", "b"])
    let owner = heap.block([node, LeakTests.live, 0, 0])
    let lost = heap.block([node, LeakTests.live, 0, 0])
    heap.store(lost, in: owner, at: 19)
    heap.root(owner)
    #expect(try heap.unreachableAddresses() == [lost])
  }

  /// Only the first byte counts: bytes in a row often look like some address inside a block.
  @Test func doNotReachIntoBlocks() throws {
    let heap = SyntheticHeap()
    let record = heap.block([0, 0, 0])
    let lost = heap.block([0, 0, 0, 0])
    heap.store(lost + 8, in: record, at: 5)
    heap.root(record)
    #expect(try heap.unreachableAddresses() == [lost])
  }

  /// What is lost together is one leak.
  @Test func joinWhatIsLost() throws {
    let heap = SyntheticHeap()
    let last = heap.block([0, 0, 0])
    let first = heap.block([0, 0, 0, 0, 0])
    heap.store(last, in: first, at: 21)
    let leaks = try #require(try heap.analysis().leaks)
    #expect(leaks.map(\.blocks) == [2])
  }
}

extension SyntheticHeap {
  fileprivate func unreachableAddresses() throws -> [UInt64] {
    let result = try analysis()
    return result.unreachable.map { result.heap.blocks.address(Int($0)) }
  }
}
