import Testing

@testable import Diagnosis

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

  /// A stack word between two snapshots changes the tree, not the owner.
  @Test func aPlaceThatMovedInTheTreeIsTheSame() throws {
    let before = heap(0, [(["app : App"], 1, 900_000, nil), (["app : App", ".cache"], 1, 800_000, "App.cache")])
    let after = heap(
      1, [(["app : App"], 1, 900_000, nil), (["[Int : Page] storage"], 1, 1_800_000, "App.cache")])
    let place = try #require(GrowingPlace.find([before, after]).first)
    #expect(place.growth == 1_000_000)
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

  @Test func namesOfContainersAreWhole() {
    #expect(GrowingPlace.title(["[Int : Page] storage"], nil, nil, "app : App") == "app -> [Int : Page] storage")
    #expect(GrowingPlace.title(["cache : [Int : Page]", ".pages"], .global, nil) == "cache.pages")
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
}
