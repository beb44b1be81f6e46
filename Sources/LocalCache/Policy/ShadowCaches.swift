/// Small models of the cache, one for each regime, fed with a sample of the keys: they say which would hit most.
///
/// Trying a setting on the real cache costs hits and takes ten cache sizes of traffic for each step. A miniature that sees 1/n of the keys and
/// has 1/n of the entries has nearly the same hit ratio (Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using
/// Miniature Simulations", USENIX ATC 2017), so all can be tried at once and a cliff is seen from afar. LRU and SIEVE themselves are among the
/// regimes, which is what makes the policy hardly worse than they are where they are best.
@usableFromInline
package struct ShadowCaches {
  /// What is tried.
  package static let regimes: [Regime] = [.window(0.2), .window(0.01), .window(0.5), .window(1), .queues, .sieve]

  /// Entries of a model of a cache of so many. More say little more, and cost memory; but the larger the cache, the fewer of its turnovers there are
  /// to learn in.
  static func capacity(forEntries entries: Int) -> Int {
    let wanted = max(64, min(entries / 8, 128), min(entries / 48, 250), entries / 64)
    return min(wanted, max(entries, 8), ShadowModel<LargeModelSlot>.greatestCapacity)
  }

  /// Counted accesses after which the sketch ages, in capacities, as in the cache.
  private static let samplePeriod = 10
  /// What the pilots found, as a share of what the models find.
  private static let pilotTrust: Float = 0.1

  /// One of both.
  private var small: ModelBank<SmallModelSlot>?
  private var large: ModelBank<LargeModelSlot>?
  private var sketch: FrequencySketch
  private var choice: RegimeChoice
  package let capacity: Int
  private var sinceAging = 0

  /// - Parameters:
  ///   - entries: of the cache when it is full.
  ///   - regime: what the cache does now.
  package init(entries: Int, regime: Regime) {
    capacity = Self.capacity(forEntries: entries)
    let capacity = capacity
    if capacity <= ShadowModel<SmallModelSlot>.greatestCapacity {
      small = ModelBank(Self.regimes, capacity: capacity)
    } else {
      large = ModelBank(Self.regimes, capacity: capacity)
    }
    // As full as the cache's own, or it would admit other entries.
    sketch = FrequencySketch(entries: EvictionPolicy.sketchEntries(for: entries) * capacity / max(entries, 1))
    choice = RegimeChoice(
      models: Self.regimes.count, first: Self.regimes.firstIndex(of: regime) ?? 0, capacity: capacity)
  }

  package func deallocate() {
    small?.deallocate()
    large?.deallocate()
    sketch.deallocate()
  }

  private var hashMask: UInt32 { small == nil ? LargeModelSlot.hashMask : SmallModelSlot.hashMask }

  /// An entry that is in the cache already: puts it into the models.
  package mutating func seed(_ hash: UInt32) {
    let hash = hash & hashMask
    count(hash)
    small?.seed(hash, sketch: sketch)
    large?.seed(hash, sketch: sketch)
  }

  private mutating func count(_ hash: UInt32) {
    sketch.add(hash)
    sinceAging += 1
    guard sinceAging >= capacity * Self.samplePeriod else { return }
    sinceAging = 0
    sketch.age()
  }

  /// One access of a sampled key. Returns the regime to use from now on when it is time to decide.
  package mutating func access(_ hash: UInt32) -> Regime? {
    let hash = hash & hashMask
    count(hash)
    guard let step = small?.access(hash, sketch: sketch) ?? large?.access(hash, sketch: sketch) else { return nil }
    if step.haveFilled { choice.trust(Self.pilotTrust) }
    return choice.note(hits: step.hits).map { Self.regimes[$0] }
  }
}

/// A model for each regime.
///
/// While the models fill up they all hit the same. Models of a quarter of their size, the pilots, say by then what kind of traffic it is.
struct ModelBank<Slot: ModelSlot> {
  private static var pilotShare: Int { 4 }

  private var models: [ShadowModel<Slot>]
  private var pilots: [ShadowModel<Slot>]

  /// - Parameter capacity: at most what slots of this kind can link.
  init(_ regimes: [Regime], capacity: Int) {
    models = regimes.map { ShadowModel(regime: $0, capacity: capacity) }
    pilots = regimes.map { ShadowModel(regime: $0, capacity: max(capacity / Self.pilotShare, 4)) }
  }

  func deallocate() { for model in models + pilots { model.deallocate() } }

  mutating func seed(_ hash: UInt32, sketch: FrequencySketch) { _ = Self.step(&models, hash, sketch: sketch) }

  /// One access in every model. Returns the set of those that hit, a bit each.
  private static func step(_ models: inout [ShadowModel<Slot>], _ hash: UInt32, sketch: FrequencySketch) -> UInt32 {
    var hits: UInt32 = 0
    for index in models.indices where models[index].access(hash, sketch: sketch) { hits |= 1 << UInt32(index) }
    return hits
  }

  /// The same, or the hits of the pilots as long as there are any; and whether that has just ended.
  mutating func access(_ hash: UInt32, sketch: FrequencySketch) -> (hits: UInt32, haveFilled: Bool) {
    let hits = Self.step(&models, hash, sketch: sketch)
    guard !pilots.isEmpty else { return (hits, false) }
    guard models[0].isFull else { return (Self.step(&pilots, hash, sketch: sketch), false) }
    for pilot in pilots { pilot.deallocate() }
    pilots = []
    return (hits, true)
  }
}
