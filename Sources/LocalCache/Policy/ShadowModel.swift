/// A miniature of the cache under one regime: hashes only, in lists that are kept exactly, found through chains.
///
/// An entry takes the bytes of a slot, and one or two its place in a chain; every operation takes constant time on average. Slots come as they are needed,
/// because a model fills no faster than the cache.
struct ShadowModel<Slot: ModelSlot> {
  typealias Link = Slot.Link
  /// Three slots are the heads of the lists.
  static var greatestCapacity: Int { Slot.greatestCount - 3 }

  /// New entries: the window, or the small queue.
  private static var window: Link { 0 }
  private static var lists: Link { 3 }

  let regime: Regime
  private let capacity: Link
  private let windowCapacity: Link
  private let protectedCapacity: Link
  /// The heads of the lists, then the entries.
  private var slots: UnsafeMutablePointer<Slot>
  private var allocated: Link
  private let buckets: UnsafeMutablePointer<Link>
  private let bucketShift: UInt8
  /// Slots in use.
  private var used = lists
  private var windowCount: Link = 0
  /// Of what is protected. Says nothing for SIEVE, where two lists take turns.
  private var passedCount: Link = 0
  /// The main part. For SIEVE, what the hand has still to pass, and what it has passed.
  private var main: Link = 1
  private var passed: Link = 2
  private let ghosts: GhostTable?

  var isFull: Bool { used == capacity + Self.lists }

  /// - Parameter capacity: at most `greatestCapacity`.
  init(regime: Regime, capacity: Int) {
    let capacity = min(capacity, Self.greatestCapacity)
    self.regime = regime
    self.capacity = Link(capacity)
    let window = max(1, Int((Double(capacity) * regime.windowShare).rounded()))
    windowCapacity = Link(window)
    protectedCapacity = Link(Double(capacity - window) * EvictionPolicy.Configuration().protectedShare)
    let first = min(capacity, 29) + Int(Self.lists)
    allocated = Link(first)
    slots = .allocate(capacity: first)
    slots.initialize(repeating: Slot(), count: first)
    for head in 0..<Self.lists {
      slots[Int(head)].previous = head
      slots[Int(head)].next = head
    }
    var bits: UInt8 = 3
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

  /// One access. True for a hit. The hash has no bits beyond `Slot.hashMask`.
  mutating func access(_ hash: UInt32, sketch: FrequencySketch) -> Bool {
    let found = find(hash)
    if found != 0 {
      switch regime {
      case .window: promote(found)
      case .queues, .sieve: slots[Int(found)].hits = min(slots[Int(found)].hits + 1, Link(Regime.greatestRounds))
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
    if used == allocated {
      let (count, larger) = (Int(allocated), min(Int(allocated) * 3 / 2, Int(capacity) + Int(Self.lists)))
      let memory = UnsafeMutablePointer<Slot>.allocate(capacity: larger)
      memory.moveInitialize(from: slots, count: count)
      (memory + count).initialize(repeating: Slot(), count: larger - count)
      slots.deallocate()
      (slots, allocated) = (memory, Link(larger))
    }
    used += 1
  }

  /// A hit: to the recent end of the window, or of what is protected.
  private mutating func promote(_ id: Link) {
    move(id, to: slots[Int(id)].list == Self.window ? Self.window : passed)
    if passedCount > protectedCapacity { move(front(passed), to: main) }
  }

  // MARK: Victims

  /// Evicts an entry; its slot is in no list.
  private mutating func makeRoom(sketch: FrequencySketch) -> Link {
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

  private mutating func windowVictim(sketch: FrequencySketch) -> Link {
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

  private mutating func queueVictim() -> Link {
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

  private mutating func sieveVictim() -> Link {
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
  private func front(_ list: Link) -> Link {
    let first = slots[Int(list)].next
    return first == list ? 0 : first
  }

  private mutating func append(_ id: Link, to list: Link) {
    let last = slots[Int(list)].previous
    slots[Int(id)].previous = last
    slots[Int(id)].next = list
    slots[Int(id)].list = list
    slots[Int(last)].next = id
    slots[Int(list)].previous = id
    if list == Self.window { windowCount += 1 } else if list == passed { passedCount &+= 1 }
  }

  private mutating func unlink(_ id: Link) {
    let slot = slots[Int(id)]
    slots[Int(slot.previous)].next = slot.next
    slots[Int(slot.next)].previous = slot.previous
    if slot.list == Self.window { windowCount -= 1 } else if slot.list == passed { passedCount &-= 1 }
  }

  private mutating func move(_ id: Link, to list: Link) {
    unlink(id)
    append(id, to: list)
  }

  // MARK: Chains

  /// Mixed, because the hashes were chosen by their high bits.
  private func bucket(_ hash: UInt32) -> Int { Int((hash &* 0x9E37_79B1) >> UInt32(bucketShift)) }

  private func find(_ hash: UInt32) -> Link {
    var id = buckets[bucket(hash)]
    while id != 0, slots[Int(id)].hash != hash { id = slots[Int(id)].chain }
    return id
  }

  private func unchain(_ id: Link) {
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
