/// A policy as the simulator sees it: is the key there, and if not, take it in.
protocol SimulatedPolicy: SendableMetatype {
  static var name: String { get }
  init(capacity: Int, trace: Trace)
  /// True for a hit. `time` is the index of the access.
  mutating func access(_ key: Int32, time: Int) -> Bool
}

/// A row of the table of policies.
struct PolicyRow: Sendable {
  let name: String
  let hits: @Sendable (Trace, Int) -> Int

  init<Policy: SimulatedPolicy>(_ type: Policy.Type) {
    name = Policy.name
    hits = { trace, capacity in
      var policy = Policy(capacity: capacity, trace: trace)
      var hits = 0
      var time = 0
      for key in trace.keys {
        if policy.access(key, time: time) { hits += 1 }
        time += 1
      }
      return hits
    }
  }

  static let all: [PolicyRow] = [
    PolicyRow(LRU.self),
    PolicyRow(Sieve.self),
    PolicyRow(S3FIFO.self),
    PolicyRow(TinyLFU<OnePercent>.self),
    PolicyRow(TinyLFU<TwentyPercent>.self),
    PolicyRow(TinyLFU<Adaptive>.self),
    PolicyRow(Optimum.self),
  ]
}

/// A doubly linked list over dense keys; index `count` is the head.
struct KeyList {
  private var next: [Int32]
  private var previous: [Int32]
  private let head: Int32
  private(set) var count = 0

  init(keys: Int) {
    head = Int32(keys)
    next = Array(repeating: -1, count: keys + 1)
    previous = Array(repeating: -1, count: keys + 1)
    next[keys] = head
    previous[keys] = head
  }

  var newest: Int32? { count == 0 ? nil : next[Int(head)] }
  var oldest: Int32? { count == 0 ? nil : previous[Int(head)] }

  /// The neighbour towards the newest end, or nil at the end.
  func newer(than key: Int32) -> Int32? {
    let other = previous[Int(key)]
    return other == head ? nil : other
  }

  mutating func insert(_ key: Int32) {
    let first = next[Int(head)]
    next[Int(key)] = first
    previous[Int(key)] = head
    previous[Int(first)] = key
    next[Int(head)] = key
    count += 1
  }

  mutating func remove(_ key: Int32) {
    let before = previous[Int(key)]
    let after = next[Int(key)]
    next[Int(before)] = after
    previous[Int(after)] = before
    count -= 1
  }
}
