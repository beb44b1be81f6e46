import Foundation

// busy: task groups, actors and JSON under continuous load, and nothing is ever leaked. Prints READY once warm; ends by
// itself after half an hour, should nobody end it.

struct Order: Codable, Sendable {
  struct Item: Codable, Sendable {
    var sku: String
    var amount: Int
    var price: Double
    var notes: [String: String]
  }
  var id: Int
  var customer: String
  var items: [Item]
}

final class Row: Sendable {
  let order: Order
  let text: String
  init(_ order: Order, _ text: String) {
    self.order = order
    self.text = text
  }
}

/// A bounded store: the oldest rows make room for new ones.
actor Store {
  private var rows: [Int: Row] = [:]
  private var order: [Int] = []
  private(set) var total = 0.0
  func add(_ row: Row) {
    if rows.updateValue(row, forKey: row.order.id) == nil { order.append(row.order.id) }
    if order.count > 500 {
      for id in order.prefix(250) { rows[id] = nil }
      order.removeFirst(250)
    }
    total += row.order.items.reduce(0) { $0 + $1.price * Double($1.amount) }
  }
  func row(_ id: Int) -> Row? { rows[id] }
}

actor Counter {
  private var counts: [String: Int] = [:]
  private let store: Store
  init(store: Store) { self.store = store }
  func count(_ name: String) async -> Int {
    counts[name, default: 0] += 1
    if counts.count > 200 { counts.removeAll(keepingCapacity: true) }
    return await store.row(counts[name] ?? 0)?.order.items.count ?? 0
  }
}

@Sendable func handle(_ id: Int, _ store: Store, _ counter: Counter) async throws -> Int {
  let order = Order(
    id: id % 2_000, customer: "customer number \(id % 97) with a long name",
    items: (0..<id % 7).map {
      Order.Item(
        sku: "SKU-\(id)-\($0)-0000000000", amount: $0, price: Double(id % 100) / 10,
        notes: ["gift": "wrap it in paper \($0)", "source": "campaign number \(id % 13)"])
    })
  let text = try JSONEncoder().encode(order)
  let copy = try JSONDecoder().decode(Order.self, from: text)
  let row = Row(copy, String(decoding: text, as: UTF8.self))
  await store.add(row)
  let first = Task { await counter.count(row.order.customer) }
  let second = Task { await counter.count("total") }
  if id % 50 == 0 { return try await together(counter) }
  return await first.value + second.value + row.text.count
}

/// `async let` too, but seldom, and so that the children end well after their parent has begun to wait for them: the runtime of Swift 6.3.1 looks at
/// a child's flags after it has said that the child is done (`AsyncTask::completeFuture`), and a parent that is not waiting yet frees it meanwhile.
func together(_ counter: Counter) async throws -> Int {
  @Sendable func later(_ name: String) async throws -> Int {
    try await Task.sleep(for: .milliseconds(5))
    return await counter.count(name)
  }
  async let first = later("first")
  async let second = later("second")
  return try await first + second
}

func work(_ worker: Int, _ store: Store, _ counter: Counter) async {
  var round = worker
  while !Task.isCancelled {
    let start = round
    let sum = await withTaskGroup(of: Int.self) { group in
      for index in 0..<16 { group.addTask { (try? await handle(start &* 31 &+ index, store, counter)) ?? 0 } }
      return await group.reduce(0, +)
    }
    let (stream, continuation) = AsyncStream<Int>.makeStream(bufferingPolicy: .bufferingNewest(8))
    let reader = Task { await stream.reduce(0, +) }
    for value in 0..<8 { continuation.yield(value + sum % 3) }
    continuation.finish()
    round &+= await reader.value % 5 + 1
  }
}

let store = Store()
let counter = Counter(store: store)
let workers = (0..<4).map { number in Task.detached { await work(number, store, counter) } }
try await Task.sleep(for: .seconds(1))
print("READY pid \(getpid())")
fflush(nil)
try await Task.sleep(for: .seconds(1800))
for worker in workers { worker.cancel() }
