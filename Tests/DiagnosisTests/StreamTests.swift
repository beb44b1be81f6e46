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

  /// Not a buffer that is full, but streams that nobody ends.
  @Test func moreStreamsAreNoFullerBuffer() throws {
    func level(_ time: Int64, _ count: UInt64) -> HeapFacts {
      let path = ["hub : Hub", ".subscribers"]
      return heap(
        time,
        [
          (["hub : Hub"], "hub : Hub", 1, count * 200), (path, "[Int : Continuation] storage", 1, count * 200),
          (path + ["[value]"], "AsyncStream<Event>._Storage", count, count * 190),
        ])
    }
    let evidence = Evidence(lives: [RuleFixtures.rising], heaps: [level(0, 100), level(60_000, 5100)])
    let found = try #require(BuffersRule.findings(evidence).first)
    #expect(found.title == "hub.subscribers, 5,000 more streams")
    #expect(found.advice.count == 1 && found.advice[0].contains("finish()"))
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
