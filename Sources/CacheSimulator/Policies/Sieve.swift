/// SIEVE: a queue that is never reordered, and a hand that spares what was hit. Zhang et al., NSDI 2024.
struct Sieve: SimulatedPolicy {
  static let name = "SIEVE"
  private let capacity: Int
  private var list: KeyList
  private var isIn: [Bool]
  private var wasHit: [Bool]
  private var hand: Int32?

  init(capacity: Int, trace: Trace, seed: UInt64) {
    self.capacity = capacity
    list = KeyList(keys: trace.distinct)
    isIn = Array(repeating: false, count: trace.distinct)
    wasHit = isIn
  }

  mutating func access(_ key: Int32, time: Int) -> Bool {
    if isIn[Int(key)] {
      wasHit[Int(key)] = true
      return true
    }
    if list.count >= capacity { evict() }
    list.insert(key)
    isIn[Int(key)] = true
    wasHit[Int(key)] = false
    return false
  }

  private mutating func evict() {
    guard var victim = hand ?? list.oldest else { return }
    while wasHit[Int(victim)] {
      wasHit[Int(victim)] = false
      guard let next = list.newer(than: victim) ?? list.oldest else { return }
      victim = next
    }
    hand = list.newer(than: victim)
    list.remove(victim)
    isIn[Int(victim)] = false
  }
}
