// A program that knows who holds its memory. Prints what it built, then waits.
//
// usage: holderzoo incident IDS N SHAPE
//   A cache of one dictionary of N offers for each of IDS ids. SHAPE: inline, boxed, shared, array, difference.
// For the others see the files beside this one.
import Glibc

struct Offer {
  var campaign: Int64
  var title, summary, link, region: String
  var opens, closes: Int64
  var state: Int32
  var channel: Int32
  var daily, total, used: Int64
  var item, itemTitle: String
  var amount: Int64
  var price, weight: Double
  var flags: UInt64
  var updated: Int64
}

final class OfferObject {
  let offer: Offer
  init(_ offer: Offer) { self.offer = offer }
}

struct Difference {
  var campaign, used: Int64
}

struct Cached<Value> {
  var value: Value
  var expires: UInt64
}

nonisolated(unsafe) var cache: [Int64: Cached<[String: Offer]>] = [:]
nonisolated(unsafe) var boxed: [Int64: Cached<[String: OfferObject]>] = [:]
nonisolated(unsafe) var arrays: [Int64: Cached<[(String, Offer)]>] = [:]
nonisolated(unsafe) var differences: [Int64: Cached<[Difference]>] = [:]
/// What all entries share.
nonisolated(unsafe) var keys: [String] = []
nonisolated(unsafe) var titles: [String] = []
nonisolated(unsafe) var links: [String] = []
nonisolated(unsafe) var table: [OfferObject] = []

func offer(_ id: Int64, _ index: Int) -> Offer {
  Offer(
    campaign: id, title: titles[index], summary: titles[index], link: links[index], region: "north", opens: 1,
    closes: 2,
    state: 1, channel: 2, daily: 1, total: 2, used: id, item: keys[index], itemTitle: titles[index], amount: 5,
    price: 9.9, weight: 0.5, flags: 0, updated: 0)
}

@main struct Main {
  static func main() async {
    let arguments = CommandLine.arguments
    if arguments.count > 2, arguments[1] != "incident", let count = Int(arguments[2]) {
      if arguments[1] == "documents" { holdDocuments(count, shared: arguments.last == "shared") }
      if arguments[1] == "tasks" { await holdTasks(count) }
      if arguments[1] == "concurrency" { await holdConcurrency(count) }
      if arguments[1] == "unstarted" {
        queueTasks(count)
        ready()
        while true { pause() }
      }
      if arguments[1] == "actors" { await holdActors(count, Int(arguments.last ?? "") ?? 0) }
      if arguments[1] == "enums" { holdEnums(count) }
      if arguments[1] == "views" { holdViews(count, copied: arguments.last == "copied") }
      ready()
      // Suspended, not blocked: the tasks' executor stays free.
      while true { try? await Task.sleep(for: .seconds(3600)) }
    }
    guard arguments.count == 5, arguments[1] == "incident", let ids = Int(arguments[2]), let perID = Int(arguments[3])
    else {
      print("usage: holderzoo incident IDS N SHAPE")
      exit(64)
    }
    keys = (0..<perID).map { "campaign_\(100_000 + $0)_offer" }
    titles = (0..<perID).map { "Opening sale, round \($0) of many" }
    links = (0..<perID).map { "https://shop.example.com/campaigns/\($0)/landing" }
    table = (0..<perID).map { OfferObject(offer(0, $0)) }
    // Room first, so that growing leaves nothing behind in the allocator that counts.
    for number in 0..<ids {
      let id = Int64(number) * 7 + 3
      switch arguments[4] {
      case "inline":
        var offers: [String: Offer] = [:]
        for index in 0..<perID { offers[keys[index]] = offer(id, index) }
        cache[id] = Cached(value: offers, expires: 1)
      case "boxed":
        var offers: [String: OfferObject] = [:]
        for index in 0..<perID { offers[keys[index]] = OfferObject(offer(id, index)) }
        boxed[id] = Cached(value: offers, expires: 1)
      case "shared":
        var offers: [String: OfferObject] = [:]
        for index in 0..<perID { offers[keys[index]] = table[index] }
        boxed[id] = Cached(value: offers, expires: 1)
      case "array":
        var offers: [(String, Offer)] = []
        offers.reserveCapacity(perID)
        for index in 0..<perID { offers.append((keys[index], offer(id, index))) }
        arrays[id] = Cached(value: offers, expires: 1)
      case "difference":
        var list: [Difference] = []
        list.reserveCapacity(perID)
        for _ in 0..<perID { list.append(Difference(campaign: id, used: id)) }
        differences[id] = Cached(value: list, expires: 1)
      default: exit(64)
      }
    }
    print("entries \(cache.count + boxed.count + arrays.count + differences.count)")
    ready()
    while true { sleep(100) }
  }
}

func ready() {
  // Freed, and by now in a list of the allocator.
  let freed = malloc(3000)
  print("freed \(UInt(bitPattern: freed))")
  free(freed)
  print("live \(liveBytes())")
  print("READY")
  fflush(nil)
}
