import CLocalCache

/// A miniature of the cache under one regime: hashes only, in lists that are kept exactly, found through chains, or by a look at all where they are few.
///
/// An entry takes the bytes of a slot, and two for its hash or for its place in a chain; every operation takes constant time on average. Slots come as they
/// are needed, because a model fills no faster than the cache.
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
  /// Lower halves of their hashes, where they are scanned; the slots follow in the same block.
  private var halves: UnsafeMutablePointer<UInt16>
  private var allocated: Link
  /// None where slots are scanned.
  private let buckets: UnsafeMutablePointer<Link>?
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
    (halves, slots) = Self.memory(first)
    for head in 0..<Self.lists {
      slots[Int(head)].previous = head
      slots[Int(head)].next = head
    }
    var bits: UInt8 = 3
    while 2 << bits < capacity { bits += 1 }
    bucketShift = 32 - bits
    buckets = Slot.isScanned ? nil : .allocate(capacity: 1 << Int(bits))
    buckets?.initialize(repeating: 0, count: 1 << Int(bits))
    ghosts = regime == .queues ? GhostTable(entries: capacity) : nil
  }

  func deallocate() {
    halves.deallocate()
    buckets?.deallocate()
    ghosts?.deallocate()
  }

  private static func memory(_ count: Int) -> (UnsafeMutablePointer<UInt16>, UnsafeMutablePointer<Slot>) {
    let ofHalves = Slot.isScanned ? count * MemoryLayout<UInt16>.stride : 0
    let block = UnsafeMutableRawPointer.allocate(
      byteCount: ofHalves + count * MemoryLayout<Slot>.stride, alignment: MemoryLayout<UInt64>.alignment)
    let halves = block.bindMemory(to: UInt16.self, capacity: Slot.isScanned ? count : 0)
    if Slot.isScanned { halves.initialize(repeating: 0, count: count) }
    let slots = (block + ofHalves).bindMemory(to: Slot.self, capacity: count)
    slots.initialize(repeating: Slot(), count: count)
    return (halves, slots)
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
    slots[Int(id)].hits = 0
    enter(id, hash)
    append(id, to: isGhost ? main : Self.window)
    // Only while the model fills up; later each newcomer has taken the place of another.
    if case .window = regime, windowCount > windowCapacity { move(front(Self.window), to: main) }
    return false
  }

  private mutating func takeSlot() {
    if used == allocated {
      let (count, larger) = (Int(allocated), min(Int(allocated) * 3 / 2, Int(capacity) + Int(Self.lists)))
      let memory = Self.memory(larger)
      if Slot.isScanned { memory.0.update(from: halves, count: count) }
      memory.1.update(from: slots, count: count)
      halves.deallocate()
      (halves, slots) = memory
      allocated = Link(larger)
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
    if !Slot.isScanned { unchain(victim) }
    if regime == .sieve, front(main) == 0, windowCount == 0 { swap(&main, &passed) }
    return victim
  }

  private mutating func windowVictim(sketch: FrequencySketch) -> Link {
    let candidate = front(Self.window)
    let resident = front(main) != 0 ? front(main) : front(passed)
    guard candidate != 0, resident != 0, windowCount >= windowCapacity else {
      return resident != 0 ? resident : candidate
    }
    guard sketch.estimate(hash(candidate)) > sketch.estimate(hash(resident)) else {
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
          ghosts?.insert(hash(candidate))
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

  // MARK: Finding

  private func hash(_ id: Link) -> UInt32 {
    Slot.isScanned ? slots[Int(id)].hash &<< 16 | UInt32(halves[Int(id)]) : slots[Int(id)].hash
  }

  /// Mixed, because the hashes were chosen by their high bits.
  private func bucket(_ hash: UInt32) -> Int { Int((hash &* 0x9E37_79B1) >> UInt32(bucketShift)) }

  private mutating func enter(_ id: Link, _ hash: UInt32) {
    guard let buckets else {
      halves[Int(id)] = UInt16(truncatingIfNeeded: hash)
      slots[Int(id)].hash = hash &>> 16
      return
    }
    slots[Int(id)].hash = hash
    slots[Int(id)].chain = buckets[bucket(hash)]
    buckets[bucket(hash)] = id
  }

  private func find(_ hash: UInt32) -> Link {
    guard let buckets else { return scan(hash) }
    var id = buckets[bucket(hash)]
    while id != 0, slots[Int(id)].hash != hash { id = slots[Int(id)].chain }
    return id
  }

  private func scan(_ hash: UInt32) -> Link {
    let half = UInt16(truncatingIfNeeded: hash)
    let count = UInt32(used)
    var place = localcache_find16(halves, UInt32(Self.lists), count, half)
    while place < count, slots[Int(place)].hash != hash &>> 16 {
      place = localcache_find16(halves, place + 1, count, half)
    }
    return place < count ? Link(truncatingIfNeeded: place) : 0
  }

  private func unchain(_ id: Link) {
    guard let buckets else { return }
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
