/// Small models of the cache, one for each regime, fed with a sample of the keys: they say which would hit most.
///
/// Trying a setting on the real cache costs hits and takes ten cache sizes of traffic for each step. A miniature that sees 1/n of the keys and
/// has 1/n of the entries has nearly the same hit ratio (Waldspurger, Saemundsson, Ahmad, Park, "Cache Modeling and Optimization using
/// Miniature Simulations", USENIX ATC 2017), so all can be tried at once and a cliff is seen from afar. One regime is LRU itself, which is what
/// makes the policy hardly worse than LRU where recency is all that counts.
@usableFromInline
package struct ShadowCaches {
  /// What is tried.
  package static let regimes: [Regime] = [.window(0.2), .window(0.01), .window(0.5), .window(1), .queues]

  private static let greatestTime: UInt32 = 1 << 31 - 1
  /// Decisions for each `capacity` accesses, and what each keeps of the scores: nine tenths for `capacity` accesses.
  private static let decisions = 4
  private static let memory = 0.974
  private static let leadFactor = 0.2

  private var models: [ShadowModel]
  private var sketch: FrequencySketch
  private let capacity: Int
  private var time: UInt32 = 0
  private var sinceChoice = 0
  private var rounds = 0
  private var requests = 0.0
  private var current: Int

  package init(capacity: Int, regime: Regime) {
    self.capacity = capacity
    models = Self.regimes.map { ShadowModel(regime: $0, capacity: capacity) }
    sketch = FrequencySketch(entries: max(capacity, 128))
    current = Self.regimes.firstIndex(of: regime) ?? 0
  }

  package func deallocate() {
    for model in models { model.deallocate() }
    sketch.deallocate()
  }

  /// An entry that is in the cache already: puts it into the models.
  package mutating func seed(_ hash: UInt32) {
    _ = step(hash)
  }

  private mutating func step(_ hash: UInt32) -> UInt32 {
    time = time == Self.greatestTime ? 1 : time + 1
    sketch.add(hash)
    var hits: UInt32 = 0
    for index in models.indices where models[index].access(hash, time: time, sketch: sketch) {
      hits |= 1 << UInt32(index)
    }
    return hits
  }

  /// One access of a sampled key. Returns the regime to use from now on when it is time to decide.
  package mutating func access(_ hash: UInt32) -> Regime? {
    let hits = step(hash)
    for index in models.indices where hits >> UInt32(index) & 1 != 0 { models[index].score += 1 }
    requests += 1
    sinceChoice += 1
    guard sinceChoice * Self.decisions >= capacity else { return nil }
    sinceChoice = 0
    return choose()
  }

  /// Goes over to the best model when its lead is more than chance.
  private mutating func choose() -> Regime {
    var best = current
    for index in models.indices where models[index].score > models[best].score { best = index }
    let lead = models[best].score - models[current].score
    // The two models see the same accesses, so only those on which they differ are noise.
    if lead > max(Self.leadFactor * requests.squareRoot(), 2) { current = best }
    for index in models.indices { models[index].score *= Self.memory }
    requests *= Self.memory
    rounds += 1
    if rounds % (10 * Self.decisions) == 0 { sketch.age() }
    return Self.regimes[current]
  }
}
