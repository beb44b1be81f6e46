/// S3-FIFO: a small queue, a main queue and a queue of ghosts. Yang et al., SOSP 2023.
struct S3FIFO: SimulatedPolicy {
  static let name = "S3-FIFO"
  private enum Place: UInt8 { case out, small, main, ghost }
  private let smallCapacity: Int
  private let mainCapacity: Int
  private let capacity: Int
  private var small: KeyList
  private var main: KeyList
  private var ghosts: KeyList
  private var place: [Place]
  private var count: [UInt8]

  init(capacity: Int, trace: Trace, seed: UInt64) {
    self.capacity = capacity
    smallCapacity = max(1, capacity / 10)
    mainCapacity = max(1, capacity - smallCapacity)
    small = KeyList(keys: trace.distinct)
    main = KeyList(keys: trace.distinct)
    ghosts = KeyList(keys: trace.distinct)
    place = Array(repeating: .out, count: trace.distinct)
    count = Array(repeating: 0, count: trace.distinct)
  }

  mutating func access(_ key: Int32, time: Int) -> Bool {
    let index = Int(key)
    switch place[index] {
    case .small, .main:
      count[index] = min(count[index] + 1, 3)
      return true
    case .ghost:
      ghosts.remove(key)
      makeRoom()
      main.insert(key)
      place[index] = .main
    case .out:
      makeRoom()
      small.insert(key)
      place[index] = .small
    }
    count[index] = 0
    return false
  }

  private mutating func makeRoom() {
    while small.count + main.count >= capacity {
      if small.count >= smallCapacity || main.count == 0 { evictSmall() } else { evictMain() }
    }
  }

  private mutating func evictSmall() {
    while let key = small.oldest {
      small.remove(key)
      if count[Int(key)] > 1 {
        count[Int(key)] = 0
        main.insert(key)
        place[Int(key)] = .main
        if main.count > mainCapacity { evictMain() }
      } else {
        ghosts.insert(key)
        place[Int(key)] = .ghost
        if ghosts.count > mainCapacity, let forgotten = ghosts.oldest {
          ghosts.remove(forgotten)
          place[Int(forgotten)] = .out
        }
        return
      }
    }
  }

  private mutating func evictMain() {
    while let key = main.oldest {
      main.remove(key)
      if count[Int(key)] > 0 {
        count[Int(key)] -= 1
        main.insert(key)
      } else {
        place[Int(key)] = .out
        return
      }
    }
  }
}
