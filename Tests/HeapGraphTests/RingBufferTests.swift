import SwiftMetadata
import Testing

@testable import HeapGraph

/// Ring buffers say whether the same elements are at their ends as at another time.
@Suite struct RingBufferTests {
  /// A queue with room for 8, of jobs {number, object}.
  private func ends(first: Int, objects: Range<Int>) throws -> ContainerSummary.Ends? {
    let heap = SyntheticHeap()
    let job = heap.classType("Job", fields: [])
    let element = ValueLayout(
      typeName: "Entry", size: 16, stride: 16, alignment: 8, slots: [ReferenceSlot(offset: 8, strength: .strong)])
    let ring = heap.type(.arrayStorage, "_DequeBuffer<Entry>", .ring(elements: 48, element: element))
    let jobs = (0..<20).map { _ in heap.block([job, 3]) }
    var places = [UInt64](repeating: 0, count: 16)
    for (index, object) in objects.enumerated() {
      let place = (first + index) % 8
      places[2 * place] = UInt64(object)
      places[2 * place + 1] = jobs[object]
    }
    heap.root(heap.block([ring, 3, 8, UInt64(objects.count), UInt64(first), 0] + places))
    let (analysis, image) = try heap.keepingReferences()
    let holder = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal()).holders(cut: 0).holders.first
    return holder?.children.first?.container?.ends
  }

  @Test func endsAreThoseOfTheElements() throws {
    let before = try #require(try ends(first: 0, objects: 0..<5))
    // The same elements in other places, as after growing.
    #expect(try ends(first: 6, objects: 0..<5) == before)
    let added = try #require(try ends(first: 0, objects: 0..<7))
    #expect(added.first == before.first && added.last != before.last)
    let moved = try #require(try ends(first: 3, objects: 3..<10))
    #expect(moved.first != before.first && moved.last != before.last)
  }

  /// Of values in an array the first reference in each tells; what is next to it may be changed where it is.
  @Test func endsOfAnArrayOfValues() throws {
    func ends(_ counts: [UInt64], from first: Int) throws -> ContainerSummary.Ends? {
      let heap = SyntheticHeap()
      let text = heap.classType("Text", fields: [])
      let element = ValueLayout(
        typeName: "Mail", size: 24, stride: 24, alignment: 8,
        slots: [8, 16].map { ReferenceSlot(offset: $0, strength: .strong) })
      let array = heap.type(.arrayStorage, "_ContiguousArrayStorage<Mail>", .array(elements: 32, element: element))
      let texts = (0..<20).map { _ in heap.block([text, 3]) }
      let words = counts.enumerated().flatMap { [$1, texts[first + $0], texts[19]] }
      heap.root(heap.block([array, 3, UInt64(counts.count), UInt64(counts.count) << 1] + words))
      let (analysis, image) = try heap.keepingReferences()
      return try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal()).holders(cut: 0).holders.first?
        .children.first?.container?.ends
    }
    let before = try #require(try ends([1, 1, 1], from: 0))
    #expect(try ends([2, 2, 2], from: 0) == before)
    let moved = try #require(try ends([1, 1, 1], from: 1))
    #expect(moved.first != before.first && moved.last != before.last)
  }

  /// One element is both ends; a count that the block has no room for is not believed.
  @Test func fewElementsHaveNoEnds() throws {
    #expect(try ends(first: 0, objects: 0..<1) == nil)
    #expect(try ends(first: 0, objects: 0..<20) == nil)
    #expect(try ends(first: 9, objects: 0..<2) == nil)
  }
}
