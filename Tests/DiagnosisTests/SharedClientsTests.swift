import Testing

@testable import Diagnosis
@testable import HeapGraph

/// Clients that a process needs one of, and what comes with each of them: sockets, tasks, cycles.
struct SharedClientsTests {
  private static func heap(_ minute: Int64) -> HeapFacts {
    var facts = HeapFacts(time: 1_700_000_000_000 + minute * 60_000)
    facts.libraries = ["AsyncHTTPClient", "NIOHTTP2", "NIOSSL"]
    return facts
  }

  private static func evidence(_ first: HeapFacts, _ last: HeapFacts) -> Evidence {
    Evidence(lives: [RuleFixtures.rising], heaps: [first, last], age: 600)
  }

  @Test func clientsOfWhichOneIsEnough() throws {
    let rows = try HeapGrowth.of([("AsyncHTTPClient.HTTPClient", "class", 3406)])
    let pattern = CollectionPattern.find(
      .at("AsyncHTTPClient.HTTP1Connection.channel", content: ("NIOCore.ByteBuffer._Storage", 6468)), rows)
    #expect(pattern?.evidence.hasPrefix("3,406 more AsyncHTTPClient.HTTPClient") == true)
    #expect(pattern?.advice.contains("HTTPClient.shared") == true)
    // A place of the program's own is told as such, whatever clients there are.
    #expect(CollectionPattern.find(.at("Cache.pages", entries: 4000, element: "Page"), rows) == nil)
    // A pool of a few that was filled is none.
    let few = try HeapGrowth.of([("AsyncHTTPClient.HTTPClient", "class", 4)])
    #expect(CollectionPattern.find(.at("AsyncHTTPClient.HTTP1Connection.channel"), few) == nil)
  }

  /// In the cycle of an object with its client it is the client that has to be told to end.
  @Test(arguments: ["FoundationNetworking.URLSession", "FoundationNetworking.URLSessionTask"])
  func aCycleThroughAClientIsEndedByEndingIt(type: String) throws {
    func heap(_ minute: Int64, _ count: UInt64) -> HeapFacts {
      var facts = Self.heap(minute)
      facts.leaks = [
        .init(
          kind: "cycle", title: "Downloader.session -> \(type).delegate -> Downloader", confidence: .certain,
          instances: count, blocks: count * 2, bytes: count * 9000)
      ]
      return facts
    }
    let advice = try #require(LeakRule.findings(Self.evidence(heap(0, 10), heap(1, 900))).first).advice
    #expect(advice[0].contains("`finishTasksAndInvalidate()`") == type.hasSuffix("Session"), "\(advice)")
    #expect(advice.last?.hasPrefix("break the cycle") == true)
  }

  /// Sockets of clients that nobody shuts down go with them: to close the sockets is not the program's.
  @Test(arguments: [UInt64(3), 300]) func socketsThatComeWithClientsAreToldWithThem(clients: UInt64) throws {
    func heap(_ minute: Int64, _ count: UInt64) -> HeapFacts {
      var facts = Self.heap(minute)
      facts.census = [.init(type: "AsyncHTTPClient.HTTPClient", kind: "class", count: count, bytes: count * 100)]
      return facts
    }
    let samples = RuleTests.samples(61) { time, sample in
      (sample[.descriptors], sample[.sockets]) = (20 + time * 6, 10 + time * 6)
    }
    let found = try #require(
      DescriptorsRule.findings(Evidence(lives: [samples], heaps: [heap(0, 10), heap(1, 10 + clients)])).first)
    #expect((found.advice.first?.contains("HTTPClient.shared") == true) == (clients == 300), "\(found)")
    #expect(found.advice.contains { $0.hasPrefix("close what is opened") })
  }

  /// Tasks of clients that are made anew are ended with their clients.
  @Test(arguments: [UInt64(900), 3])
  func tasksThatComeWithClientsAreToldWithThem(clients: UInt64) throws {
    func heap(_ minute: Int64, _ count: UInt64, _ clients: UInt64) -> HeapFacts {
      var facts = Self.heap(minute)
      facts.census = [
        .init(type: "GRPCCore.GRPCClient<Transport>", kind: "class", count: clients, bytes: clients * 100),
        .init(type: "Task", kind: "task", count: count, bytes: count * 1000),
      ]
      facts.tasks = [
        TaskGroup(
          state: .waitsForContinuation, functions: ["AsyncStream.Iterator.next(isolation:)", "serve()"],
          locations: [], isOwn: [false, true], isMain: [false, true], relation: .own, tasks: Int(count), lost: 0,
          handleOnly: 0, cancelled: 0, retainedBytes: count * 3000, holds: [], example: "")
      ]
      return facts
    }
    let evidence = Self.evidence(heap(0, 10, 0), heap(1, 1010, clients))
    let found = try #require(TasksRule.findings(evidence).first)
    #expect((found.advice.first?.hasPrefix("make one GRPCClient") == true) == (clients > 100), "\(found.advice)")
    #expect(found.evidence.contains { $0.contains("900 more GRPCCore.GRPCClient") } == (clients > 100))
  }
}
