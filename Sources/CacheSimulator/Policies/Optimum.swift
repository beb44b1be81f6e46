/// The best that is possible with knowledge of the future: evict what is needed furthest ahead, and do not take in what is needed later than
/// all else. Belady, "A study of replacement algorithms for a virtual-storage computer", 1966.
struct Optimum: SimulatedPolicy {
  static let name = "optimum"
  private let capacity: Int
  private let nextUse: [Int32]
  private var residentUntil: [Int32]
  private var heap: [(use: Int32, key: Int32)] = []
  private var count = 0

  init(capacity: Int, trace: Trace, seed: UInt64) {
    self.capacity = capacity
    var next = Array(repeating: Int32.max, count: trace.keys.count)
    var seen = Array(repeating: Int32.max, count: trace.distinct)
    for index in stride(from: trace.keys.count - 1, through: 0, by: -1) {
      next[index] = seen[Int(trace.keys[index])]
      seen[Int(trace.keys[index])] = Int32(index)
    }
    nextUse = next
    residentUntil = Array(repeating: -1, count: trace.distinct)
  }

  mutating func access(_ key: Int32, time: Int) -> Bool {
    let isHit = residentUntil[Int(key)] >= 0
    if !isHit { count += 1 }
    residentUntil[Int(key)] = nextUse[time]
    push((nextUse[time], key))
    while count > capacity, let top = pop() {
      // Entries of the heap whose key was used again since are out of date.
      guard residentUntil[Int(top.key)] == top.use else { continue }
      residentUntil[Int(top.key)] = -1
      count -= 1
    }
    return isHit
  }

  private mutating func push(_ item: (use: Int32, key: Int32)) {
    heap.append(item)
    var child = heap.count - 1
    while child > 0, heap[(child - 1) / 2].use < heap[child].use {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func pop() -> (use: Int32, key: Int32)? {
    guard let top = heap.first else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return top }
    heap[0] = last
    var parent = 0
    while true {
      var largest = parent
      for child in [parent * 2 + 1, parent * 2 + 2] where child < heap.count && heap[child].use > heap[largest].use {
        largest = child
      }
      if largest == parent { return top }
      heap.swapAt(parent, largest)
      parent = largest
    }
  }
}
