/// A miniature of the cache under one regime: hashes only, searched from end to end because there are few.
struct ShadowModel {
  let regime: Regime
  private let capacity: Int
  private let windowCapacity: Int
  /// A slot is free when its stamp is 0.
  private let hashes: UnsafeMutablePointer<UInt32>
  /// Time of the last access, or of entering for `queues`; one bit for the window.
  private let stamps: UnsafeMutablePointer<UInt32>
  /// Hits since the model last looked; kept for `queues` only.
  private let hits: UnsafeMutablePointer<UInt8>?
  /// Evicted keys, a ring; for `queues` only.
  private let ghosts: UnsafeMutablePointer<UInt32>?
  private var nextGhost = 0
  private var used = 0
  private var windowCount = 0
  var score = 0.0

  private static let windowBit: UInt32 = 1 << 31

  init(regime: Regime, capacity: Int) {
    self.regime = regime
    self.capacity = capacity
    windowCapacity = max(1, Int((Double(capacity) * regime.windowShare).rounded()))
    hashes = Self.zeros(capacity)
    stamps = Self.zeros(capacity)
    let isQueues = regime == .queues
    hits = isQueues ? Self.zeros(capacity) : nil
    ghosts = isQueues ? Self.zeros(capacity) : nil
  }

  private static func zeros<Number: FixedWidthInteger>(_ count: Int) -> UnsafeMutablePointer<Number> {
    let memory = UnsafeMutablePointer<Number>.allocate(capacity: count)
    memory.initialize(repeating: 0, count: count)
    return memory
  }

  func deallocate() {
    hashes.deallocate()
    stamps.deallocate()
    hits?.deallocate()
    ghosts?.deallocate()
  }

  /// One access. True for a hit.
  mutating func access(_ hash: UInt32, time: UInt32, sketch: FrequencySketch) -> Bool {
    for slot in 0..<used where hashes[slot] == hash {
      if let hits {
        hits[slot] = min(hits[slot] + 1, UInt8(Regime.greatestRounds))
      } else {
        stamps[slot] = time | stamps[slot] & Self.windowBit
      }
      return true
    }
    let wasGhost = forgetGhost(hash)
    var slot = used
    if used < capacity { used += 1 } else { slot = makeRoom(time: time, sketch: sketch) }
    hashes[slot] = hash
    stamps[slot] = wasGhost ? time : time | Self.windowBit
    hits?[slot] = 0
    if !wasGhost { windowCount += 1 }
    // Only while the model fills up; later each newcomer has taken the place of another.
    if regime != .queues, windowCount > windowCapacity, let oldest = oldest(inWindow: true) {
      demote(oldest, time: stamps[oldest] & ~Self.windowBit)
    }
    return false
  }

  private mutating func demote(_ slot: Int, time: UInt32) {
    stamps[slot] = time
    windowCount -= 1
  }

  private func oldest(inWindow: Bool) -> Int? {
    var found: Int?
    var age: UInt32 = .max
    let bit = inWindow ? Self.windowBit : 0
    for slot in 0..<used where stamps[slot] & Self.windowBit == bit && stamps[slot] ^ bit < age {
      age = stamps[slot] ^ bit
      found = slot
    }
    return found
  }

  /// The slot of a victim, which is no longer counted.
  private mutating func makeRoom(time: UInt32, sketch: FrequencySketch) -> Int {
    regime == .queues ? roomInQueues(time: time) : roomByWindow(time: time, sketch: sketch)
  }

  private mutating func roomByWindow(time: UInt32, sketch: FrequencySketch) -> Int {
    let main = oldest(inWindow: false)
    guard let candidate = oldest(inWindow: true), windowCount >= windowCapacity || main == nil else {
      return main ?? 0
    }
    guard let main, sketch.estimate(hashes[candidate]) > sketch.estimate(hashes[main]) else {
      windowCount -= 1
      return candidate
    }
    demote(candidate, time: time)
    return main
  }

  private mutating func roomInQueues(time: UInt32) -> Int {
    while true {
      if windowCount >= windowCapacity || windowCount == used, let candidate = oldest(inWindow: true) {
        let wasHit = (hits?[candidate] ?? 0) > 1
        hits?[candidate] = 0
        demote(candidate, time: time)
        if wasHit { continue }
        remember(hashes[candidate])
        return candidate
      }
      guard let victim = oldest(inWindow: false) else { return 0 }
      guard let rounds = hits?[victim], rounds > 0 else { return victim }
      hits?[victim] = rounds - 1
      stamps[victim] = time
    }
  }

  private mutating func remember(_ hash: UInt32) {
    ghosts?[nextGhost] = hash
    nextGhost = (nextGhost + 1) % capacity
  }

  private func forgetGhost(_ hash: UInt32) -> Bool {
    guard let ghosts else { return false }
    for index in 0..<capacity where ghosts[index] == hash {
      ghosts[index] = 0
      return true
    }
    return false
  }
}
