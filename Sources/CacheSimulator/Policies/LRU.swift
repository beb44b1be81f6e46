/// Least recently used goes first.
struct LRU: SimulatedPolicy {
  static let name = "LRU"
  private let capacity: Int
  private var list: KeyList
  private var isIn: [Bool]

  init(capacity: Int, trace: Trace, seed: UInt64) {
    self.capacity = capacity
    list = KeyList(keys: trace.distinct)
    isIn = Array(repeating: false, count: trace.distinct)
  }

  mutating func access(_ key: Int32, time: Int) -> Bool {
    if isIn[Int(key)] {
      list.remove(key)
      list.insert(key)
      return true
    }
    if list.count >= capacity, let victim = list.oldest {
      list.remove(victim)
      isIn[Int(victim)] = false
    }
    list.insert(key)
    isIn[Int(key)] = true
    return false
  }
}
