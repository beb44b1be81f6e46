/// A miniature of the cache under one regime: hashes only, in lists that are kept exactly, found through chains.
///
/// An entry takes eight bytes, and one its place in a chain; every operation takes constant time on average. Slots come as they are needed,
/// because a model fills no faster than the cache.
struct ShadowModel {
  /// Links count up to 1,023, and three slots are the heads of the lists.
  static let greatestCapacity = 1000
  /// Bits of a hash that a model knows.
  static let hashMask: UInt32 = 1 << 30 - 1

  /// From below: two bits for the list, two for the hits, ten for each of three links, thirty for the hash.
  private struct Slot {
    private var bits: UInt64 = 0

    private func field(_ shift: UInt64, _ width: UInt64) -> UInt16 {
      UInt16(truncatingIfNeeded: bits &>> shift & (1 &<< width &- 1))
    }
    private mutating func setField(_ shift: UInt64, _ width: UInt64, _ value: UInt16) {
      bits = bits & ~((1 &<< width &- 1) &<< shift) | UInt64(value) &<< shift
    }

    var list: UInt16 {
      get { field(0, 2) }
      set { setField(0, 2, newValue) }
    }
    var hits: UInt16 {
      get { field(2, 2) }
      set { setField(2, 2, newValue) }
    }
    var previous: UInt16 {
      get { field(4, 10) }
      set { setField(4, 10, newValue) }
    }
    var next: UInt16 {
      get { field(14, 10) }
      set { setField(14, 10, newValue) }
    }
    /// The next slot of the same bucket; 0 ends the chain.
    var chain: UInt16 {
      get { field(24, 10) }
      set { setField(24, 10, newValue) }
    }
    var hash: UInt32 {
      get { UInt32(truncatingIfNeeded: bits &>> 34) }
      set { bits = bits & (1 << 34 - 1) | UInt64(newValue) &<< 34 }
    }
  }

  /// New entries: the window, or the small queue.
  private static let window: UInt16 = 0
  private static let lists: UInt16 = 3

  let regime: Regime
  private let capacity: UInt16
  private let windowCapacity: Int
  private let protectedCapacity: Int
  /// The heads of the lists, then the entries.
  private var slots: UnsafeMutablePointer<Slot>
  private var allocated: Int
  private let buckets: UnsafeMutablePointer<UInt16>
  private let bucketShift: UInt32
  private let ghosts: GhostTable?
  /// Slots in use.
  private var used = lists
  private var windowCount = 0
  private var passedCount = 0
  /// The main part. For SIEVE, what the hand has still to pass, and what it has passed.
  private var main: UInt16 = 1
  private var passed: UInt16 = 2

  var isFull: Bool { used == capacity + Self.lists }

  /// - Parameter capacity: at most `greatestCapacity`.
  init(regime: Regime, capacity: Int) {
    let capacity = min(capacity, Self.greatestCapacity)
    self.regime = regime
    self.capacity = UInt16(capacity)
    windowCapacity = max(1, Int((Double(capacity) * regime.windowShare).rounded()))
    protectedCapacity = Int(Double(capacity - windowCapacity) * EvictionPolicy.Configuration().protectedShare)
    allocated = min(Int(self.capacity), 29) + Int(Self.lists)
    slots = .allocate(capacity: allocated)
    slots.initialize(repeating: Slot(), count: allocated)
    for head in 0..<Self.lists {
      slots[Int(head)].previous = head
      slots[Int(head)].next = head
    }
    var bits: UInt32 = 3
    while 2 << bits < capacity { bits += 1 }
    bucketShift = 32 - bits
    buckets = .allocate(capacity: 1 << Int(bits))
    buckets.initialize(repeating: 0, count: 1 << Int(bits))
    ghosts = regime == .queues ? GhostTable(entries: capacity) : nil
  }

  func deallocate() {
    slots.deallocate()
    buckets.deallocate()
    ghosts?.deallocate()
  }

  /// One access. True for a hit. The hash has no bits beyond `hashMask`.
  mutating func access(_ hash: UInt32, sketch: FrequencySketch) -> Bool {
    let found = find(hash)
    if found != 0 {
      switch regime {
      case .window: promote(found)
      case .queues, .sieve: slots[Int(found)].hits = min(slots[Int(found)].hits + 1, UInt16(Regime.greatestRounds))
      }
      return true
    }
    let isGhost = ghosts?.remove(hash) ?? false
    var id = used
    if isFull { id = makeRoom(sketch: sketch) } else { takeSlot() }
    let bucket = bucket(hash)
    slots[Int(id)].hash = hash
    slots[Int(id)].hits = 0
    slots[Int(id)].chain = buckets[bucket]
    buckets[bucket] = id
    append(id, to: isGhost ? main : Self.window)
    // Only while the model fills up; later each newcomer has taken the place of another.
    if case .window = regime, windowCount > windowCapacity { move(front(Self.window), to: main) }
    return false
  }

  private mutating func takeSlot() {
    if Int(used) == allocated {
      let larger = min(2 * allocated, Int(capacity) + Int(Self.lists))
      let memory = UnsafeMutablePointer<Slot>.allocate(capacity: larger)
      memory.moveInitialize(from: slots, count: allocated)
      (memory + allocated).initialize(repeating: Slot(), count: larger - allocated)
      slots.deallocate()
      (slots, allocated) = (memory, larger)
    }
    used += 1
  }

  /// A hit: to the recent end of the window, or of what is protected.
  private mutating func promote(_ id: UInt16) {
    move(id, to: slots[Int(id)].list == Self.window ? Self.window : passed)
    if passedCount > protectedCapacity { move(front(passed), to: main) }
  }

  // MARK: Victims

  /// Evicts an entry; its slot is in no list.
  private mutating func makeRoom(sketch: FrequencySketch) -> UInt16 {
    let victim =
      switch regime {
      case .window: windowVictim(sketch: sketch)
      case .queues: queueVictim()
      case .sieve: sieveVictim()
      }
    unlink(victim)
    unchain(victim)
    if regime == .sieve, front(main) == 0, windowCount == 0 { swap(&main, &passed) }
    return victim
  }

  private mutating func windowVictim(sketch: FrequencySketch) -> UInt16 {
    let candidate = front(Self.window)
    let resident = front(main) != 0 ? front(main) : front(passed)
    guard candidate != 0, resident != 0, windowCount >= windowCapacity else {
      return resident != 0 ? resident : candidate
    }
    guard sketch.estimate(slots[Int(candidate)].hash) > sketch.estimate(slots[Int(resident)].hash) else {
      return candidate
    }
    move(candidate, to: main)
    return resident
  }

  private mutating func queueVictim() -> UInt16 {
    while true {
      let resident = front(main)
      let candidate = front(Self.window)
      if candidate != 0, windowCount >= windowCapacity || resident == 0 {
        guard slots[Int(candidate)].hits > 1 else {
          ghosts?.insert(slots[Int(candidate)].hash)
          return candidate
        }
        slots[Int(candidate)].hits = 0
        move(candidate, to: main)
      } else {
        guard slots[Int(resident)].hits > 0 else { return resident }
        slots[Int(resident)].hits -= 1
        move(resident, to: main)
      }
    }
  }

  private mutating func sieveVictim() -> UInt16 {
    while true {
      var hand = front(main)
      if hand == 0 { hand = front(Self.window) }
      if hand == 0 {
        swap(&main, &passed)
      } else {
        guard slots[Int(hand)].hits > 0 else { return hand }
        slots[Int(hand)].hits = 0
        move(hand, to: passed)
      }
    }
  }

  // MARK: Lists

  /// The oldest entry of a list, or 0.
  private func front(_ list: UInt16) -> UInt16 {
    let first = slots[Int(list)].next
    return first == list ? 0 : first
  }

  private mutating func append(_ id: UInt16, to list: UInt16) {
    let last = slots[Int(list)].previous
    slots[Int(id)].previous = last
    slots[Int(id)].next = list
    slots[Int(id)].list = list
    slots[Int(last)].next = id
    slots[Int(list)].previous = id
    if list == Self.window { windowCount += 1 } else if list == passed { passedCount += 1 }
  }

  private mutating func unlink(_ id: UInt16) {
    let slot = slots[Int(id)]
    slots[Int(slot.previous)].next = slot.next
    slots[Int(slot.next)].previous = slot.previous
    if slot.list == Self.window { windowCount -= 1 } else if slot.list == passed { passedCount -= 1 }
  }

  private mutating func move(_ id: UInt16, to list: UInt16) {
    unlink(id)
    append(id, to: list)
  }

  // MARK: Chains

  /// Mixed, because the hashes were chosen by their high bits.
  private func bucket(_ hash: UInt32) -> Int { Int((hash &* 0x9E37_79B1) >> bucketShift) }

  private func find(_ hash: UInt32) -> UInt16 {
    var id = buckets[bucket(hash)]
    while id != 0, slots[Int(id)].hash != hash { id = slots[Int(id)].chain }
    return id
  }

  private func unchain(_ id: UInt16) {
    let slot = slots[Int(id)]
    let bucket = bucket(slot.hash)
    if buckets[bucket] == id {
      buckets[bucket] = slot.chain
      return
    }
    var before = buckets[bucket]
    while slots[Int(before)].chain != id { before = slots[Int(before)].chain }
    slots[Int(before)].chain = slot.chain
  }
}
