import Foundation
import HeapGraph
import Testing

@testable import Diagnosis

/// Parts of one place that hang on a stack as well.
@Suite struct JoinedPlaceTests {
  private typealias Holder = HeapFacts.Holder

  private func room(_ entries: UInt64) throws -> ContainerSummary {
    let words = ["containers": 5, "entries": entries, "slots": entries, "inlineBytes": entries * 8, "emptyBytes": 0]
    let numbers = words.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
    let text = "{\"kind\":\"array\",\"valueType\":\"AnyObject\",\"behindBytes\":\(entries * 992),\(numbers)}"
    return try JSONDecoder().decode(ContainerSummary.self, from: Data(text.utf8))
  }

  /// Rooms of a building, of one of which a thread has the address: `isOnStack` rooms hang on the variable and on that stack.
  private func building(_ time: Int64, own: UInt64, onStack: UInt64, variables: [String] = ["building"]) throws
    -> HeapFacts
  {
    var heap = HeapFacts(time: time)
    let (whole, part) = (try room(own), try room(onStack))
    heap.holders =
      variables.flatMap { variable -> [Holder] in
        let path = ["\(variable) : Building", ".rooms", "[…].messages"]
        return path.indices.map { depth in
          Holder(
            path: Array(path[...depth]), type: depth == 2 ? "[AnyObject] storage" : "Room", count: 1,
            retained: own * 1000,
            container: depth == 2 ? whole : nil, root: .global, owner: depth == 2 ? "Room.messages" : nil)
        }
      } + [
        Holder(
          path: ["[AnyObject] storage"], type: "[AnyObject] storage", count: 1, retained: onStack * 1000,
          container: part, root: nil, owner: "Room.messages", heldBy: "building : Building")
      ]
    return heap
  }

  /// What a stack leads to as well is a part of the same place, and told once.
  @Test func aPartOnAStackIsNoPlaceOfItsOwn() throws {
    let places = GrowingPlace.find([
      try building(0, own: 1000, onStack: 500), try building(1, own: 4000, onStack: 2500),
    ])
    let place = try #require(places.first)
    #expect(places.count == 1 && place.name == "building.rooms[…].messages", "\(places.map(\.name))")
    #expect(place.growth == 5_000_000 && place.retained == 6_500_000)
    #expect(place.before?.entries == 1500 && place.after?.entries == 6500 && place.after?.ends == nil)
  }

  /// The same where the place has no field of its own, only the table has in which it lies.
  @Test func aPartOfATableIsNoPlaceOfItsOwn() throws {
    func tenants(_ time: Int64, own: UInt64, onStack: UInt64) throws -> HeapFacts {
      var heap = HeapFacts(time: time)
      let path = ["store : Store", "[String : [Int]] storage", "[value]"]
      heap.holders = path.indices.map { depth in
        Holder(
          path: Array(path[...depth]), type: depth == 2 ? "[Int] storage" : "Store", count: depth == 2 ? 19 : 1,
          retained: own * 1000, container: depth == 2 ? try? room(own) : nil, root: .global,
          owner: depth == 1 ? "Store.byTenant" : nil)
      }
      heap.holders?.append(
        Holder(
          path: ["[Int] storage"], type: "[Int] storage", count: 1, retained: onStack * 1000,
          container: try room(onStack), root: nil, owner: "Store.byTenant[value]", heldBy: "store : Store"))
      return heap
    }
    let places = GrowingPlace.find([
      try tenants(0, own: 1000, onStack: 100), try tenants(1, own: 9000, onStack: 900),
    ])
    #expect(places.map(\.growth) == [8_800_000], "\(places.map(\.name))")
  }

  /// The storage of a variable to which a word on a stack leads as well is called by the variable alone; what lies elsewhere by its type, too.
  @Test(arguments: [
    ("rooms : [Room]", "[AnyObject] storage", "rooms"), ("heads : [Substring]", "[Substring] storage", "heads"),
    ("cache : [Int : Page]", "[Int : Page] storage", "cache"),
    ("app : App", "[Substring] storage", "app -> [Substring] storage"),
    ("cache : [Int : Page]", "[AnyObject] storage", "cache -> [AnyObject] storage"),
  ])
  func aVariablesOwnStorageIsCalledByIt(variable: String, storage: String, name: String) {
    #expect(GrowingPlace.title([storage], nil, nil, variable) == name)
  }

  /// Of two variables with such a field nobody can say whose part it is; of another variable it is none.
  @Test func partsOfOtherPlacesStayApart() throws {
    let pair = ["building", "annex"]
    let two = GrowingPlace.find([
      try building(0, own: 1000, onStack: 500, variables: pair),
      try building(1, own: 4000, onStack: 2500, variables: pair),
    ])
    #expect(Set(two.map(\.name)) == ["building.rooms[…].messages", "annex.rooms[…].messages"], "\(two.map(\.name))")
    let other = GrowingPlace.find([
      try building(0, own: 1000, onStack: 500, variables: ["annex"]),
      try building(1, own: 4000, onStack: 2500, variables: ["annex"]),
    ])
    #expect(
      Set(other.map(\.name)) == ["annex.rooms[…].messages", "building -> Room.messages"], "\(other.map(\.name))")
  }

  /// The object that a variable and a stack lead to has many fields: the one below which it grew is told.
  @Test func theFieldOfAnObjectOnAStackIsTold() throws {
    func level(_ time: Int64, _ nodes: UInt64) -> HeapFacts {
      var heap = HeapFacts(time: time)
      heap.holders = [
        Holder(path: ["Service"], type: "Service", count: 1, retained: nodes * 1000, heldBy: "service : Service"),
        Holder(
          path: ["Service", ".tree"], type: "Node", count: nodes, retained: nodes * 990, heldBy: "service : Service"),
      ]
      return heap
    }
    let place = try #require(GrowingPlace.find([level(0, 100), level(1, 900)]).first)
    #expect(place.name == "service -> Service.tree", "\(place.name)")
  }
}
