import Testing

@testable import LocalCache

/// The ways to decide who stays, their models, and the choice between them.
@Suite struct RegimeTests {
  /// Popular keys, keys that come again soon, and keys that come once.
  private static func mixed(_ count: Int, seed: UInt64) -> [UInt32] {
    var random = Generator(state: seed)
    return (0..<count).map { step in
      switch random.next() % 4 {
      case 0: UInt32(step)
      case 1: UInt32(max(0, step - Int(random.next() % 300)))
      default: 1_000_000 + UInt32(random.next() % (random.next() % 900 + 1))
      }
    }
  }

  private static func hash(_ key: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(key) &* 0x9E37_79B9_7F4A_7C15) >> 29)
  }

  /// Hits of a cache that keeps to one regime.
  private func hits(_ keys: [UInt32], capacity: Int, regime: Regime) -> Int {
    var configuration = EvictionPolicy.Configuration()
    configuration.isAdaptive = false
    configuration.regime = regime
    var policy = EvictionPolicy(maximum: UInt64(capacity), configuration: configuration)
    defer { policy.deallocate() }
    drive(&policy, keys, hash: Self.hash)
    return Int(policy.hits)
  }

  private func modelHits<Slot: ModelSlot>(
    _ keys: [UInt32], capacity: Int, regime: Regime, _: Slot.Type = LargeModelSlot.self
  ) -> Int {
    var model = ShadowModel<Slot>(regime: regime, capacity: capacity)
    var sketch = FrequencySketch(entries: EvictionPolicy.sketchEntries(for: capacity))
    defer {
      model.deallocate()
      sketch.deallocate()
    }
    var hits = 0
    for (step, key) in keys.enumerated() {
      let hash = Self.hash(key) & Slot.hashMask
      sketch.add(hash)
      if step % (capacity * 10) == 0 { sketch.age() }
      if model.access(hash, sketch: sketch) { hits += 1 }
    }
    return hits
  }

  /// SIEVE as in the paper: one list, a bit for each entry, a hand from the oldest to the newest.
  private func sieveHits(_ keys: [UInt32], capacity: Int) -> Int {
    var queue: [(key: UInt32, wasHit: Bool)] = []
    var hand = 0
    var hits = 0
    for key in keys {
      if let place = queue.firstIndex(where: { $0.key == key }) {
        queue[place].wasHit = true
        hits += 1
        continue
      }
      if queue.count == capacity {
        while queue[hand].wasHit {
          queue[hand].wasHit = false
          hand = (hand + 1) % queue.count
        }
        queue.remove(at: hand)
        if hand == queue.count { hand = 0 }
      }
      queue.append((key, false))
    }
    return hits
  }

  @Test(arguments: [3, 40, 200])
  func sieveEvictsWhatSieveEvicts(capacity: Int) {
    let keys = Self.mixed(10_000, seed: 5)
    let expected = sieveHits(keys, capacity: capacity)
    #expect(hits(keys, capacity: capacity, regime: .sieve) == expected)
    #expect(modelHits(keys, capacity: capacity, regime: .sieve) == expected)
    // Of fewer bits some keys are taken for others: one look-up in some thousand.
    #expect(abs(modelHits(keys, capacity: capacity, regime: .sieve, SmallModelSlot.self) - expected) <= 10)
    // The order of accesses matters to LRU, and only to it.
    #expect(hits(keys, capacity: capacity, regime: .window(1)) != expected)
  }

  /// A model of the size of the cache, fed with every access, hits what the cache hits.
  @Test(arguments: ShadowCaches.regimes)
  func modelsDoWhatTheCacheDoes(regime: Regime) {
    let keys = Self.mixed(30_000, seed: 6)
    let real = hits(keys, capacity: 200, regime: regime)
    let modelled = modelHits(keys, capacity: 200, regime: regime)
    #expect(real > 5000)
    #expect(abs(real - modelled) < keys.count / 50, "\(regime): \(real) in the cache, \(modelled) in the model")
    // Slots of two sizes know other bits of a key: the sketch takes others for each other, too.
    let small = modelHits(keys, capacity: 200, regime: regime, SmallModelSlot.self)
    #expect(abs(small - modelled) < keys.count / 200, "\(regime): \(small) in small slots, \(modelled) in large ones")
  }

  /// Links are bits of a word: the largest model there is uses all of them.
  @Test func theLargestModelDoesWhatTheCacheDoes() {
    largestModel(LargeModelSlot.self, keys: 4000, hitsAtLeast: 20_000)
    largestModel(SmallModelSlot.self, keys: 1000, hitsAtLeast: 20_000)
  }

  private func largestModel<Slot: ModelSlot>(_ slot: Slot.Type, keys count: UInt64, hitsAtLeast fewest: Int) {
    var random = Generator(state: 8)
    let keys = (0..<60_000).map { _ in UInt32(random.next() % (random.next() % count + 1)) }
    for regime in ShadowCaches.regimes {
      let real = hits(keys, capacity: ShadowModel<Slot>.greatestCapacity, regime: regime)
      let modelled = modelHits(keys, capacity: ShadowModel<Slot>.greatestCapacity, regime: regime, slot)
      #expect(real > fewest)
      #expect(abs(real - modelled) < keys.count / 50, "\(regime): \(real) in the cache, \(modelled) in the model")
    }
  }

  /// S3-FIFO and SIEVE leave most entries in the protected segment. W-TinyLFU would have nobody on probation for as long as nobody there is hit, so
  /// newcomers would go at once.
  @Test(arguments: [Regime.queues, .sieve])
  func nobodyStaysProtectedOnlyBecauseOfAnotherRegime(first: Regime) {
    var configuration = EvictionPolicy.Configuration()
    configuration.isAdaptive = false
    configuration.regime = first
    var policy = EvictionPolicy(maximum: 500, configuration: configuration)
    defer { policy.deallocate() }
    // Popular keys, then such as come once.
    let keys = Self.mixed(20_000, seed: 9) + (0..<1000).map { 5_000_000 + $0 }
    var protected: UInt64 = 0
    drive(
      &policy, keys, hash: Self.hash,
      beforeAccess: { policy, step in
        guard step == 20_000 else { return }
        protected = policy.protected.weight
        policy.change(to: .window(0.2))
      })
    #expect(protected > policy.protectedMaximum && policy.protected.weight <= policy.protectedMaximum)
  }

  /// Model 1 hits `better` times in `total` accesses where model 0 misses, and misses as often as is left where it hits.
  private func feed(_ choice: inout RegimeChoice, better: Int, of total: Int, rounds: Int) -> Int? {
    var last: Int?
    for step in 0..<total * rounds { last = choice.note(hits: step % total < better ? 0b10 : 0b01) ?? last }
    return last
  }

  @Test func aLeadThatIsMoreThanChanceIsFollowed() {
    var choice = RegimeChoice(models: 3, first: 0, capacity: 128)
    for _ in 0..<1000 { #expect(choice.note(hits: 0b111) ?? 0 == 0, "where all hit there is nothing to learn") }
    #expect(feed(&choice, better: 4, of: 8, rounds: 40) == 0)
    #expect(feed(&choice, better: 5, of: 8, rounds: 40) == 1)
  }

  /// After a long time in favour of one model, a change is noticed within an access or two for each of its entries.
  @Test func aChangeOfTrafficIsNoticed() {
    var choice = RegimeChoice(models: 2, first: 0, capacity: 128)
    #expect(feed(&choice, better: 0, of: 8, rounds: 1000) == 0)
    #expect(feed(&choice, better: 8, of: 8, rounds: 40) == 1)
    // Then the long memory agrees some day, too.
    #expect(feed(&choice, better: 8, of: 8, rounds: 1000) == 1)
  }
}
