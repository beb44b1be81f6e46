import SwiftMetadata
import Testing

@testable import HeapGraph

/// Streams with elements that nobody has taken.
@Suite struct StreamBufferTests {
  private func stream(_ type: String, _ elements: UInt64, _ reader: StreamBuffer.Reader, _ root: String) -> StreamBuffer
  {
    StreamBuffer(type: type, elements: elements, bytes: elements * 100, reader: reader, heldBy: root)
  }

  @Test func equalStreamsAreOneRow() {
    let streams = StreamBuffer.grouped(
      (0..<40).map { _ in stream("AsyncStream<Int>", 10, .stored, "hub : Hub") }
        + (0..<20).map { stream("AsyncStream<Int>", UInt64($0), .task, "hub : Hub") }
        + [stream("AsyncStream<Int>", 700, .stored, "other : Hub"), stream("AsyncStream<Bool>", 1, .none, "hub : Hub")])
    #expect(streams.map(\.streams) == [1, 40, 20, 1])
    #expect(streams.map(\.elements) == [700, 400, 190, 1])
    #expect(streams.map(\.bytes) == [70_000, 40_000, 19_000, 100])
    #expect(streams.map(\.reader) == [.stored, .stored, .task, .none])
  }

  /// Forty sessions have a stream each, with three events in its ring buffer.
  @Test func streamsOfARegistryAreOneRow() throws {
    let heap = SyntheticHeap()
    let ring = heap.type(
      .arrayStorage, "_DequeBuffer<Event>", .ring(elements: 40, element: SyntheticHeap.reference(to: "Event")))
    let event = heap.classType("Event", fields: [])
    let storage = heap.classType("AsyncStream<Event>._Storage", fields: ["pending"])
    let session = heap.classType("Session", fields: ["continuation", "next"])
    var next: UInt64 = 0
    for _ in 0..<40 {
      let events = (0..<3).map { _ in heap.block([event, 3]) }
      next = heap.block([session, 3, heap.block([storage, 3, heap.block([ring, 3, 4, 3, 0] + events + [0])]), next])
    }
    heap.root(next)
    let (analysis, image) = try heap.keepingReferences()
    let streams = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal()).tasks().streams
    #expect(streams.count == 1 && streams.first?.streams == 40 && streams.first?.elements == 120, "\(streams)")
    #expect(streams.first?.reader == StreamBuffer.Reader.none && streams.first?.type == "AsyncStream<Event>")
  }
}
