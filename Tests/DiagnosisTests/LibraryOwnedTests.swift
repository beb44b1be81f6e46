import Testing

@testable import Diagnosis
@testable import HeapGraph

/// What lies inside of a library's objects: the program can end what it opened there, and change nothing else.
struct LibraryOwnedTests {
  private typealias Holder = HeapFacts.Holder
  private static let start: Int64 = 1_700_000_000_000

  private static func heap(_ minute: Int64, live: UInt64 = 0, _ books: [ResidentBooks.Holder: Int64] = [:]) -> HeapFacts
  {
    var facts = HeapFacts(
      time: start + minute * 60_000, liveBytes: live, census: [],
      books: books.isEmpty
        ? nil : ResidentBooks(rows: books, resident: UInt64(books.values.reduce(0, +))))
    facts.libraries = ["AsyncHTTPClient", "NIOHTTP2", "NIOSSL"]
    return facts
  }

  private static func evidence(_ first: HeapFacts, _ last: HeapFacts) -> Evidence {
    Evidence(lives: [RuleFixtures.rising], heaps: [first, last], age: 600)
  }

  @Test(arguments: ["AsyncHTTPClient", nil] as [String?])
  func aCycleInsideOfALibraryIsEndedByItsUser(library: String?) throws {
    func heap(_ minute: Int64, _ count: UInt64) -> HeapFacts {
      var facts = Self.heap(minute)
      facts.leaks = [
        .init(
          kind: "cycle", title: "AsyncHTTPClient.Pool.delegate -> AsyncHTTPClient.Manager.pools", confidence: .certain,
          instances: count, blocks: count * 2, bytes: count * 9000, library: library)
      ]
      return facts
    }
    let found = try #require(LeakRule.findings(Self.evidence(heap(0, 10), heap(1, 900))).first)
    if library == nil {
      #expect(found.advice.count == 1 && found.advice[0].hasPrefix("break the cycle"), "\(found.advice)")
    } else {
      #expect(found.advice[0].contains("where that is a library") && found.advice[0].contains("`shutdown()`"))
      #expect(found.advice.last?.contains("HTTPClient.shared") == true, "\(found.advice)")
    }
  }

  private static func table(_ minute: Int64, _ entries: UInt64, owner: String) -> HeapFacts {
    var facts = heap(minute)
    facts.census = [.init(type: "Stream", kind: "class", count: entries, bytes: entries * 4040)]
    let root = "group : NIOPosix.Group"
    let table = ContainerSummary(
      kind: .dictionary, keyType: "Int", valueType: "Stream", containers: 1, entries: entries, slots: entries * 2,
      inlineBytes: entries * 40, behindBytes: entries * 4000, emptyBytes: entries * 20)
    facts.holders = [
      Holder(path: [root], type: root, count: 1, retained: entries * 4040, root: .global),
      Holder(
        path: [root, "[Int : Stream] storage"], type: "[Int : Stream] storage", count: 1, retained: entries * 4040,
        container: table, root: .global, owner: owner),
    ]
    return facts
  }

  /// The program fills Foundation's collections itself: there is nothing of the library's to end.
  @Test func foundationsCollectionsAreTheProgramsToBound() {
    var facts = HeapFacts(time: 0)
    facts.libraries = ["Foundation"]
    #expect(facts.library(of: "Foundation.NSMutableArray._storage") == nil)
    #expect(facts.library(of: "Foundation.OperationQueue.__firstOperation") == "Foundation")
  }

  /// A bound is no advice for a table of somebody else's.
  @Test func aTableOfALibrarysIsToldWithWhatItsUserCanEnd() throws {
    func advice(_ owner: String, generic: [String: String]? = nil) throws -> [String] {
      var last = Self.table(1, 5000, owner: owner)
      last.libraryClasses = generic
      let evidence = Self.evidence(Self.table(0, 1000, owner: owner), last)
      return try #require(CollectionRule.findings(evidence).first).advice
    }
    let theirs = try advice("NIOHTTP2.StreamMultiplexer.streams")
    #expect(theirs.first?.hasPrefix("where NIOHTTP2 is a library, end what the program opened") == true, "\(theirs)")
    // Modules of the program's own cannot be told from libraries: the bound is there as well.
    #expect(theirs.contains { $0.hasPrefix("bound group") })
    for own in ["Store.streams", "NIOHTTP2.Box<[Int : Stream]>.value"] {
      #expect(try advice(own).first?.hasPrefix("bound group") == true)
    }
    // A library's box around its own state is the library's.
    let boxed = try advice("Locks.Box<Traces.State>.value.spans", generic: ["Locks.Box<Traces.State>": "Traces"])
    #expect(boxed.first?.hasPrefix("where Traces is a library, end what the program opened") == true, "\(boxed)")
  }

  @Test func buffersOfALibrarysObjectsCannotBeCopied() throws {
    func advice(_ place: String) throws -> [String] {
      var facts = Self.heap(1)
      facts.waste = WasteReport(
        reachableBytes: 50 << 20, duplicates: [], duplicateBytes: 0, spare: [], spareBytes: 0,
        pinned: [
          .init(
            kind: .byteBuffer, place: place, root: "", views: 800, buffers: 800, shownBytes: 0, pinnedBytes: 26 << 20,
            savedBytes: 26 << 20)
        ], pinnedBytes: 26 << 20)
      return try #require(CapacityRule.findings(Evidence(lives: [RuleFixtures.flat], heaps: [facts])).first).advice
    }
    #expect(try advice("NIOSSL.Handler.readBuffer").first?.contains("close those that nobody uses") == true)
    let own = try advice("Connection.scratch")
    #expect(own.first == CollectionPattern.copyOut && own.last?.contains("clear(minimumCapacity:)") == true)
  }

  /// A buffer is as large as it was asked for, and takes memory where it was written.
  @Test func whatNobodyWroteIsNotResident() throws {
    let mib = Int64(1 << 20)
    let first = Self.heap(0, live: 20 << 20, [.swiftObjects: 5 * mib, .nativeBlocks: 15 * mib])
    let last = Self.heap(1, live: 60 << 20, [.swiftObjects: 6 * mib, .nativeBlocks: 30 * mib])
    let report = Weighing.verdict(Self.evidence(first, last))
    let row = try #require(report.account?.first { $0.holder == "notResident" }, "\(report.account ?? [])")
    #expect(row.bytes == -24 * mib && row.title.contains("not resident"))
    #expect(report.account?.reduce(0) { $0 + $1.bytes } == 16 * mib)
  }

  /// Of an object with many fields the one is named by which what became more hangs there.
  @Test func theFieldOfAVariablesObjectIsNamed() throws {
    func heap(_ minute: Int64, _ nodes: UInt64) -> HeapFacts {
      var facts = Self.heap(minute)
      facts.census = [.init(type: "Tree.Node", kind: "class", count: nodes, bytes: nodes * 1000)]
      let root = "catalogue : Catalogue"
      facts.holders = [
        Holder(path: [root], type: root, count: 1, retained: nodes * 1000, root: .global),
        Holder(
          path: [root, ".tree._root"], type: "Tree.Node", count: nodes, retained: nodes * 1000, root: .global,
          owner: "Catalogue.tree._root"),
      ]
      return facts
    }
    let found = CollectionRule.findings(Self.evidence(heap(0, 1000), heap(1, 5000)))
    #expect(found.first?.title == "catalogue.tree._root", "\(found.map(\.title))")
  }
}
