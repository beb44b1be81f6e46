/// Two references and a number: 40 bytes.
final class Node {
  var left: Node?
  var right: Node?
  var value: Int
  init(_ value: Int) { self.value = value }
}

nonisolated(unsafe) var tree: Node?

/// A balanced tree of exactly `count` nodes. Its nodes are allocated in random-looking order of keys, so that neighbours in the tree
/// are not neighbours in memory.
func makeTree(_ count: Int) -> Node? {
  var nodes = (0..<count).map { Node($0) }
  var random: UInt64 = 42
  for index in stride(from: count - 1, to: 0, by: -1) {
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    nodes.swapAt(index, Int(random >> 33) % (index + 1))
  }
  for index in 0..<count {
    if index * 2 + 1 < count { nodes[index].left = nodes[index * 2 + 1] }
    if index * 2 + 2 < count { nodes[index].right = nodes[index * 2 + 2] }
  }
  return nodes.first
}

/// One chain of `count` nodes. Each refers back to one half as far from the start, so that nothing is a plain list.
func makeList(_ count: Int) -> Node? {
  let nodes = (0..<count).map { Node($0) }
  for index in 0..<count {
    if index + 1 < count { nodes[index].left = nodes[index + 1] }
    nodes[index].right = nodes[index / 2]
  }
  return nodes.first
}

/// An object with a text of its own, as services keep for each connection: 32 and 48 bytes.
final class Handler {
  var name: String
  var number: Int
  init(_ number: Int) {
    self.number = number
    name = "handler \(number) of a connection"
  }
}

/// Handlers by shard and by event. Neighbours in an array are not neighbours in memory.
nonisolated(unsafe) var handlers: [Int: [Int: [Handler]]] = [:]

func fillHandlers(_ count: Int) {
  for number in 0..<count { handlers[number % 1000, default: [:]][number % 97, default: []].append(Handler(number)) }
}

/// What a campaign offers to one user: 192 bytes in a dictionary.
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

struct Cached {
  var offers: [String: Offer]
  var expires: UInt64
}

/// One entry for each user that ever asked; users hardly ever ask twice.
nonisolated(unsafe) var cache: [Int64: Cached] = [:]

func fillCache(ids: Int, perID: Int) {
  let keys = (0..<perID).map { "campaign_\(100_000 + $0)_offer" }
  let titles = (0..<perID).map { "Opening sale, round \($0) of many" }
  let links = (0..<perID).map { "https://shop.example.com/campaigns/\($0)/landing" }
  var random: UInt64 = 7
  // Random ids from ten times as many, as in the incident: about 5 % come twice.
  for _ in 0..<ids {
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let id = Int64(random >> 33) % Int64(ids * 10)
    if cache[id] != nil { continue }
    var offers: [String: Offer] = [:]
    for index in 0..<perID {
      offers[keys[index]] = Offer(
        campaign: id, title: titles[index], summary: titles[index], link: links[index], region: "north", opens: 1,
        closes: 2, state: 1, channel: 2, daily: 1, total: 2, used: id, item: keys[index], itemTitle: titles[index],
        amount: 5, price: 9.9, weight: 0.5, flags: 0, updated: 0)
    }
    cache[id] = Cached(offers: offers, expires: 1)
  }
}
