import Testing

@testable import Diagnosis
@testable import HeapGraph

/// Where growth hangs is found in made-up trees of holders.
struct PlaceTests {
  private typealias Holder = HeapFacts.Holder

  private func heap(_ time: Int64, _ holders: [(path: [String], count: UInt64, retained: UInt64, owner: String?)])
    -> HeapFacts
  {
    var facts = HeapFacts(time: time)
    facts.holders = holders.map {
      Holder(
        path: $0.path, type: $0.path.last ?? "", count: $0.count, retained: $0.retained, root: .global, owner: $0.owner)
    }
    return facts
  }

  @Test func followsTheGrowthToWhereItsNumberStays() throws {
    func level(_ entries: UInt64) -> [(path: [String], count: UInt64, retained: UInt64, owner: String?)] {
      [
        (["app : App"], 1, entries * 1000 + 500_000, nil), (["app : App", "App"], 1, entries * 1000 + 400_000, nil),
        (["app : App", "App", ".cache"], 1, entries * 1000, "App.cache"),
        (["app : App", "App", ".cache", "[value]"], entries, entries * 900, nil),
      ]
    }
    let places = GrowingPlace.find([heap(0, level(100)), heap(1, level(400)), heap(2, level(900))])
    let place = try #require(places.first)
    #expect(places.count == 1)
    #expect(place.name == "app.cache")
    #expect(place.growth == 800_000 && place.contentGrowth == 800)
    #expect(place.steps == 2 && place.risenSteps == 2)
  }

  /// Two containers of one object have the same texts in their entries: neither keeps these alone, and both are named.
  @Test func whatTwoFieldsShareIsToldWithBoth() throws {
    func heap(_ time: Int64, _ entries: UInt64, index: UInt64) -> HeapFacts {
      func container(_ kind: ContainerSummary.Kind, _ entries: UInt64) -> ContainerSummary {
        ContainerSummary(
          kind: kind, keyType: nil, valueType: "Audit", containers: 1, entries: entries, slots: entries,
          inlineBytes: entries * 20, behindBytes: 0, emptyBytes: 0)
      }
      let log = ["task suspended in run()", "task stack slab", " (frame of run())"]
      let rows: [(path: [String], type: String, count: UInt64, retained: UInt64, ContainerSummary?, owner: String?)] = [
        (Array(log.prefix(1)), "task suspended in run()", 1, entries * 110, nil, nil),
        (Array(log.prefix(2)), "task stack slab", 1, entries * 110, nil, nil),
        (log, "actor AuditLog", 1, entries * 109, nil, nil),
        (log + ["String storage"], "String storage", entries, entries * 60, nil, nil),
        (
          log + [".recent._storage"], "Deque<Audit> storage", 1, entries * 25, container(.deque, entries),
          "actor AuditLog.recent._storage"
        ),
        (
          log + [".byUser._keys"], "[String] storage", 1, entries * 22, container(.array, entries),
          "actor AuditLog.byUser._keys"
        ),
        (log + [".index"], "[Int] storage", 1, index * 8, container(.array, index), "actor AuditLog.index"),
      ]
      var facts = HeapFacts(time: time)
      facts.holders = rows.map {
        Holder(path: $0.path, type: $0.type, count: $0.count, retained: $0.retained, container: $0.4, owner: $0.owner)
      }
      return facts
    }
    var place = try #require(GrowingPlace.find([heap(0, 10_000, index: 10), heap(1, 40_000, index: 20)]).first)
    #expect(place.sharedBy == ["actor AuditLog.recent", "actor AuditLog.byUser"], "\(place)")
    place.task = "run()"
    #expect(place.name == "task run() -> actor AuditLog")
    let words = CollectionWords(place, work: nil).lines
    #expect(words.first?.hasSuffix(": as many entries came to actor AuditLog.recent, actor AuditLog.byUser") == true)
  }

  /// Tables of several objects that kept too little at first to be listed: it is their entries that became more.
  @Test func tablesThatWereSmallAreTheSame() throws {
    func heap(_ time: Int64, _ entries: UInt64, isListed: Bool) -> HeapFacts {
      let loop = ["group : Group", "Loop"]
      let table = ContainerSummary(
        kind: .dictionary, keyType: "Int", valueType: "Channel", containers: 2, entries: entries, slots: entries * 2,
        inlineBytes: entries * 40, behindBytes: entries * 5000, emptyBytes: 0)
      var facts = HeapFacts(time: time)
      facts.holders = [
        Holder(path: ["group : Group"], type: "Group", count: 1, retained: 20_000 + entries * 5040, root: .global),
        Holder(path: loop, type: "Loop", count: 2, retained: 10_000 + entries * 5040, root: .global),
      ]
      if isListed {
        facts.holders?.append(
          Holder(
            path: loop + [".registrations"], type: "[Int : Channel] storage", count: 2, retained: entries * 5040,
            container: table, root: .global, owner: "Loop.registrations"))
      }
      return facts
    }
    let place = try #require(GrowingPlace.find([heap(0, 0, isListed: false), heap(1, 900, isListed: true)]).first)
    #expect(place.name == "group.registrations" && place.after?.entries == 900, "\(place)")
    #expect(place.content == nil, "\(place)")
  }

  /// Two containers behind a variable of which no field is known are told apart by their types; the one container that a variable is, is the variable.
  @Test func containersWithoutFieldsAreToldByTheirTypes() throws {
    func names(_ variable: String, _ storages: [String]) -> [String] {
      func heap(_ time: Int64, _ entries: UInt64) -> HeapFacts {
        let sum = UInt64(storages.count) * entries * 1000
        return self.heap(
          time,
          [([variable], 1, sum, nil)] + storages.map { ([variable, $0], 1, entries * 1000, nil) })
      }
      return GrowingPlace.find([heap(0, 100), heap(1, 4000)]).map(\.name)
    }
    let tree = "TreeDictionary<Int, Session> storage"
    #expect(
      Set(names("registry : Synchronization.Mutex<Registry>", [tree, "TreeSet<String> storage"]))
        == ["registry -> \(tree)", "registry -> TreeSet<String> storage"])
    #expect(names("sessions : HashTreeCollections.TreeDictionary<Int, Session>", [tree]) == ["sessions"])
    #expect(names("cache : [Int : Page]", ["[Int : Page] storage"]) == ["cache"])
  }

  /// Two fields without a name hold arrays of one type: neither is compared with the other.
  @Test func siblingsOfOnePathAreOne() throws {
    func level(_ entries: UInt64) -> [(path: [String], count: UInt64, retained: UInt64, owner: String?)] {
      let entry = ["vault : Vault", ".records", "[value]"]
      return [
        (["vault : Vault"], 1, entries * 1000, nil),
        (["vault : Vault", ".records"], 1, entries * 1000, "Vault.records"),
        (entry, entries, entries * 950, nil), (entry + ["[String] storage"], entries, entries * 600, nil),
        (entry + ["[String] storage"], entries / 3, entries * 300, nil),
      ]
    }
    let place = try #require(GrowingPlace.find([heap(0, level(900)), heap(1, level(3000))]).first)
    #expect(place.name == "vault.records" && place.growth == 2_100_000, "\(place)")
  }

  /// A sleeping task hangs on another timer at each snapshot: what has no field of its own is known by its parent.
  @Test func whatHangsOnAPlaceThatMovedIsTheSame() throws {
    func level(_ top: String, _ streams: UInt64) -> [(path: [String], count: UInt64, retained: UInt64, owner: String?)]
    {
      [
        ([top], 1, streams * 1000, nil), ([top, "Hub"], 1, streams * 1000, nil),
        ([top, "Hub", ".subscribers"], 1, streams * 1000, "Hub.subscribers"),
        ([top, "Hub", ".subscribers", "Stream"], streams, streams * 900, nil),
      ]
    }
    let place = try #require(GrowingPlace.find([heap(0, level("timer", 3000)), heap(1, level("sleeper", 4000))]).first)
    #expect(place.owner == "Hub.subscribers" && place.growth == 1_000_000, "\(place)")
    #expect(place.content == "Stream" && place.contentGrowth == 1000, "\(place)")
  }

  /// A stack word between two snapshots changes the tree, not the owner.
  @Test func aPlaceThatMovedInTheTreeIsTheSame() throws {
    let before = heap(0, [(["app : App"], 1, 900_000, nil), (["app : App", ".cache"], 1, 800_000, "App.cache")])
    let after = heap(
      1, [(["app : App"], 1, 900_000, nil), (["[Int : Page] storage"], 1, 1_800_000, "App.cache")])
    let place = try #require(GrowingPlace.find([before, after]).first)
    #expect(place.growth == 1_000_000)
  }

  /// Two tables of a router came in between: they hold two closures, which are no growth, and the sessions that were there before.
  @Test func whatCameInBetweenIsNotWhatGrew() throws {
    func sessions(_ top: [String], _ count: UInt64) -> [(
      path: [String], count: UInt64, retained: UInt64, owner: String?
    )] {
      [
        (top + ["Manager"], 1, count * 1000, nil),
        (top + ["Manager", ".sessions"], 1, count * 1000, "Manager.sessions"),
        (top + ["Manager", ".sessions", "[value]"], count, count * 950, nil),
      ]
    }
    let tables = ["[Method : Responder] storage"]
    let before = heap(0, [(["closure context"], 1, 5_000_000, nil)] + sessions(["closure context"], 5000))
    let after = heap(
      1,
      [(tables, 2, 20_000_000, "Router.methods"), (tables + ["[value]"], 2, 20_000_000, nil)]
        + sessions(tables + ["[value]"], 20_000))
    let place = try #require(GrowingPlace.find([before, after]).first)
    #expect(place.owner == "Manager.sessions" && place.growth == 15_000_000, "\(place)")
    #expect(place.contentGrowth == 15_000, "\(place)")
  }

  /// Lists by key, which a frame and a variable lead to: the field that has the table is what a developer finds.
  @Test func listsInATableAreCalledByItsField() throws {
    func heap(_ time: Int64, _ count: UInt64) -> HeapFacts {
      var facts = HeapFacts(time: time)
      let table = "[Int : [Visit]] storage"
      facts.holders = [
        Holder(
          path: [table], type: table, count: 1, retained: count * 1000 + 5000, owner: "Users.visits",
          heldBy: "static Service.users : Users"),
        Holder(
          path: [table, "[value]"], type: "[Visit] storage", count: 300, retained: count * 1000,
          heldBy: "static Service.users : Users"),
        Holder(path: [table, "[value]", "[…].path"], type: "String storage", count: count, retained: count * 900),
      ]
      return facts
    }
    let place = try #require(GrowingPlace.find([heap(0, 1000), heap(1, 9000)]).first)
    #expect(place.name == "Service.users -> Users.visits[value]", "\(place)")
  }

  /// The other way round: what was shared with a stack before hangs on its variable alone now, with all that it kept before.
  @Test func aPlaceThatCameBackIsTheSame() throws {
    let before = heap(0, [(["app : App"], 1, 100, nil), (["[Int : Page] storage"], 1, 50_000_000, "App.cache")])
    let after = heap(
      1,
      [
        (["app : App"], 1, 54_000_200, nil), (["app : App", "App"], 1, 54_000_100, nil),
        (["app : App", "App", ".cache"], 1, 54_000_000, "App.cache"),
      ])
    let place = try #require(GrowingPlace.find([before, after]).first)
    #expect(place.name == "app.cache" && place.growth == 4_000_000, "\(place)")
  }

  /// A lock of C++ in a leaked object: it became more with the leak, and is no growth of its own beside it.
  @Test func memoryOfCThatIsLeakedWithAnObjectCountsOnce() throws {
    func heap(_ time: Int64, _ count: UInt64) -> HeapFacts {
      HeapFacts(
        time: time,
        census: [
          .init(type: "Session", kind: "class", count: count, bytes: count * 800),
          .init(type: "Mutex", kind: "native", count: count * 4, bytes: count * 200),
        ],
        leaks: [
          .init(
            kind: "cycle", title: "Session.onClose -> Session", confidence: .certain, instances: count,
            blocks: count * 5, bytes: count * 1000, nativeBytes: count * 200)
        ])
    }
    let growth = try #require(HeapGrowth([heap(0, 1000), heap(60_000, 9000)]))
    #expect(growth.swiftRest == 0 && growth.nativeRest == 0)
  }

  @Test func namesOfContainersAreWhole() {
    #expect(GrowingPlace.title(["[Int : Page] storage"], nil, nil, "app : App") == "app -> [Int : Page] storage")
    #expect(GrowingPlace.title(["cache : [Int : Page]", ".pages"], .global, nil) == "cache.pages")
    // Storage of a collection goes without saying, that of one of several fields does not.
    func title(_ type: String, _ storage: String) -> String {
      GrowingPlace.title(["jobs : \(type)", "\(storage) storage"], .global, nil)
    }
    #expect(title("ContiguousArray<Job>", "[Job]") == "jobs" && title("[any Sendable]", "[Any]") == "jobs")
    #expect(title("Synchronization.Mutex<[String : any Job]>", "[String : Job]") == "jobs")
    #expect(title("Synchronization.Mutex<State>", "[Job]") == "jobs -> [Job] storage")
    #expect(title("[Job]", "[Int : Job]") == "jobs -> [Int : Job] storage")
  }

  @Test func twoPlacesBelowOneObjectAreBothNamed() {
    func level(_ size: UInt64) -> [(path: [String], count: UInt64, retained: UInt64, owner: String?)] {
      [
        (["hub : Hub"], 1, size * 2, nil), (["hub : Hub", "Hub"], 1, size * 2, nil),
        (["hub : Hub", "Hub", ".sessions"], 1, size, nil), (["hub : Hub", "Hub", ".history"], 1, size, nil),
      ]
    }
    let names = GrowingPlace.find([heap(0, level(100_000)), heap(1, level(700_000))]).map(\.name)
    #expect(Set(names) == ["hub.sessions", "hub.history"])
  }

  /// Nodes hang on the object by two fields, and became more in both: neither has the growth of the other.
  @Test func twoFieldsOfManyNodesAreTwoPlaces() {
    func level(_ nodes: UInt64) -> [(path: [String], count: UInt64, retained: UInt64, owner: String?)] {
      [
        (["index : Index"], 1, nodes * 300, nil), (["index : Index", "Index"], 1, nodes * 300, nil),
        (["index : Index", "Index", ".byId"], nodes, nodes * 160, "Index.byId"),
        (["index : Index", "Index", ".recent"], nodes, nodes * 140, "Index.recent"),
      ]
    }
    let places = GrowingPlace.find([heap(0, level(1000)), heap(1, level(9000))])
    #expect(places.map(\.name) == ["index.byId", "index.recent"])
    #expect(places.map(\.growth) == [1_280_000, 1_120_000] && places.map(\.contentGrowth) == [8000, 8000])
  }

  // MARK: - Objects behind memory of C

  private func growing(
    _ steps: [(step: String, type: String)], root: NamedRoot.Kind?, heldBy: String? = nil, single: Int = 1
  ) throws
    -> GrowingPlace
  {
    func level(_ time: Int64, _ entries: UInt64) -> HeapFacts {
      var facts = HeapFacts(time: time)
      facts.holders = steps.indices.map { index in
        Holder(
          path: steps[...index].map(\.step), type: steps[index].type, count: index < single ? 1 : entries,
          retained: entries * 1000 - UInt64(index), root: root, heldBy: heldBy)
      }
      return facts
    }
    return try #require(GrowingPlace.find([level(0, 100), level(1, 900)]).first)
  }

  /// A list that begins in a variable, an array of references in memory of malloc, a list of C's whose nodes refer to objects.
  @Test(arguments: [["Link"], ["Session"], ["untyped block", "Session"]])
  func objectsBehindNativeMemoryAreAPlace(below: [String]) throws {
    let place = try growing(
      [(step: "list : Link?", type: "list : Link?")] + below.map { (step: $0, type: $0) }, root: .global)
    #expect(!place.isNative && place.name == "list")
  }

  @Test func nativeMemoryThatOnlyNativeMemoryHoldsIsNone() throws {
    let place = try growing(
      [(step: "table", type: "table"), (step: "untyped block", type: "untyped block")], root: .native)
    #expect(place.isNative)
    #expect(
      try growing([(step: "cache", type: "cache"), (step: "malloc(40)", type: "malloc(40)")], root: .runtime).isRuntime)
  }

  // MARK: - What libraries keep until something happens

  @Test func observersInTheLibrarysTableAreAPlace() throws {
    let place = try growing(
      [
        (step: "_defaultCenter", type: "_defaultCenter"),
        (step: ".registrar", type: "FoundationEssentials.NotificationCenter"), (step: "[value]", type: "Session"),
      ], root: .runtime, single: 2)
    #expect(!place.isRuntime)
    #expect(CollectionPattern.waiting(place)?.subject == "observers of a NotificationCenter")
  }

  @Test func blocksThatWaitAreToldByTheirQueue() throws {
    let place = try growing(
      [
        (step: "untyped block", type: "untyped block"), (step: "Block (malloc)", type: "Block (malloc)"),
        (step: "Session", type: "Session"),
      ], root: nil, heldBy: "work : Dispatch.DispatchQueue", single: 0)
    #expect(!place.isNative && place.name == "work")
    #expect(CollectionPattern.waiting(place)?.subject == "blocks in a DispatchQueue")
  }

  @Test func timersAreToldByTheirTable() throws {
    let place = try growing(
      [
        (step: "_dispatch_timers_heap", type: "_dispatch_timers_heap"), (step: "untyped block", type: "untyped block"),
        (step: "dispatch_source_type_after", type: "dispatch_source_type_after"),
      ], root: .runtime)
    #expect(!place.isRuntime && place.name == "_dispatch_timers_heap")
    #expect(CollectionPattern.waiting(place)?.subject == "timers of libdispatch")
  }

  @Test func aCollectionOfTheProgramIsNoQueue() throws {
    let place = try growing(
      [
        (step: "app : App", type: "app : App"), (step: ".handlers", type: "[() -> Void] storage"),
        (step: "[…]", type: "closure context"),
      ], root: .global)
    #expect(CollectionPattern.waiting(place) == nil)
  }
}
