import Testing

@testable import Diagnosis
@testable import HeapGraph

/// Elements that wait in buffers of streams, and streams that nobody ends.
struct StreamTests {
  private func heap(_ time: Int64, _ holders: [(path: [String], type: String, count: UInt64, retained: UInt64)])
    -> HeapFacts
  {
    let bytes = holders[0].retained
    var facts = HeapFacts(
      time: time, census: [.init(type: "AsyncStream<Event>._Storage", kind: "class", count: bytes / 200, bytes: bytes)])
    facts.holders = holders.map {
      HeapFacts.Holder(path: $0.path, type: $0.type, count: $0.count, retained: $0.retained, root: .global)
    }
    return facts
  }

  /// What is told of a hub that keeps 100 at first and then 5,100 of something.
  private func found(
    _ holders: (_ count: UInt64) -> [(path: [String], type: String, count: UInt64, retained: UInt64)]
  ) throws -> Finding {
    func level(_ time: Int64, _ count: UInt64) -> HeapFacts {
      heap(time, [(["hub : Hub"], "hub : Hub", 1, count * 200)] + holders(count))
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [level(0, 100), level(60_000, 5100)])
    return try #require(BuffersRule.findings(evidence).first)
  }

  /// Not a buffer that is full, but streams that nobody ends.
  @Test func moreStreamsAreNoFullerBuffer() throws {
    let path = ["hub : Hub", ".subscribers"]
    let found = try found { count in
      [
        (path, "[Int : Continuation] storage", 1, count * 200),
        (path + ["[value]"], "AsyncStream<Event>._Storage", count, count * 190),
      ]
    }
    #expect(found.title == "hub.subscribers, 5,000 more streams")
    #expect(found.advice.count == 1 && found.advice[0].contains("finish()"))
  }

  /// Who waits for elements is in a stream's storage, too: no element is.
  @Test func whoWaitsForElementsIsNoElement() throws {
    let path = ["hub : Hub", "AsyncStream<Event>._Storage"]
    let found = try found { count in
      [
        (path, "AsyncStream<Event>._Storage", 1, count * 200),
        (path + [".state.continuations"], "[UnsafeContinuation<Event?, Never>] storage", count, count * 190),
      ]
    }
    #expect(found.title.hasSuffix("5,000 more streams") && found.evidence[0].contains("those who wait"), "\(found)")
  }

  /// The buffer of `buffer(policy:)` is called by what it is, and not by what it buffers.
  @Test func aBufferedSequenceIsBoundedByItsPolicy() throws {
    func level(_ time: Int64, _ count: UInt64) -> HeapFacts {
      let storage = "AsyncAlgorithms.UnboundedBufferStorage<AsyncAlgorithms.AsyncChannel<Record>>"
      var facts = heap(time, [([storage], storage, 1, count * 200)])
      facts.holders?[0].owner = storage + ".stateMachine.buffer"
      facts.holders?[0].container = ContainerSummary(
        kind: .deque, keyType: nil, valueType: "Record", containers: 1, entries: count, slots: count,
        inlineBytes: count * 40, behindBytes: count * 160, emptyBytes: 0)
      return facts
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [level(0, 100), level(60_000, 5100)])
    let found = try #require(BuffersRule.findings(evidence).first)
    #expect(found.title.hasSuffix("the buffer of a buffered AsyncSequence"), "\(found.title)")
    #expect(found.evidence[1] == "100 -> 5,100 elements wait in it, 200 B each")
    #expect(found.advice[0].contains(".bounded(n)"))
  }

  /// What is published to several streams hangs on none of them alone.
  @Test func elementsOfSeveralBuffersAreBuffered() throws {
    func level(_ time: Int64, _ count: UInt64) -> HeapFacts {
      var facts = HeapFacts(
        time: time, census: [.init(type: "Event", kind: "class", count: count, bytes: count * 500)])
      facts.holders = [
        HeapFacts.Holder(
          path: ["Event"], type: "Event", count: count, retained: count * 500,
          owner: "AsyncStream<Event>._Storage.state.pending[…]", heldBy: "hub : Hub")
      ]
      return facts
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [level(0, 100), level(60_000, 5100)])
    let found = try #require(BuffersRule.findings(evidence).first)
    #expect(found.title.hasPrefix("hub -> AsyncStream<Event>._Storage.state.pending[…]"), "\(found.title)")
    #expect(CollectionRule.findings(evidence).isEmpty)
  }
}
