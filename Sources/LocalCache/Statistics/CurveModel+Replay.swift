/// A run of the noted steps through one miniature, and the lifetime that is found by such runs.
extension CurveModel {
  /// What came of a replay.
  struct Outcome {
    var missRatio = 0.0
    var (expired, evicted) = (0, 0)
    var expiredShare: Double { Double(expired) / Double(max(expired + evicted, 1)) }
  }

  /// The misses of a miniature of a cache of this share of the limit, of all look-ups. O(steps).
  ///
  /// - Parameters:
  ///   - rounding: what is added to the size before it is cut to a whole number, 0 to 1.
  ///   - seed: another one lets other keys collide in the frequency sketch.
  func replay(at share: Double, _ regime: Regime, rounding: Double, seed: UInt32) -> Double {
    replay(at: share, regime, rounding: rounding, seed: seed, lifetime: lifetime).missRatio
  }

  private func replay(at share: Double, _ regime: Regime, rounding: Double, seed: UInt32, lifetime: Int?) -> Outcome {
    let (exactSize, greatest) = contents.miniature(of: share)
    let size = UInt64(min(max(exactSize + rounding, 1), 1e15))
    let weights = weights.map { min($0, greatest) }
    var score = Score(looks: repeats)
    var configuration = EvictionPolicy.Configuration()
    configuration.regime = regime
    configuration.isAdaptive = false
    configuration.scale = 1 / contents.rate
    var policy = EvictionPolicy(maximum: size, configuration: configuration)
    defer { policy.deallocate() }
    var ids = [UInt32](repeating: 0, count: hashes.count)
    var owners: [Int] = []
    var outcome = Outcome()
    /// The step from which on the life of a key's entry counts.
    var begun = [Int](repeating: -1, count: lifetime == nil ? 0 : hashes.count)
    func begin(_ key: Int, _ position: Int) { if lifetime != nil { begun[key] = position } }
    func drop(_ id: UInt32) {
      policy.remove(id)
      ids[owners[Int(id)]] = 0
    }
    func insert(_ key: Int, _ position: Int) {
      guard weights[key] <= policy.maximum else { return }
      while let victim = policy.nextVictim(for: weights[key]) {
        drop(victim)
        if position >= firstCounted { outcome.evicted += 1 }
      }
      begin(key, position)
      let id = policy.insert(hash: hashes[key] ^ seed, weight: weights[key])
      ids[key] = id
      while owners.count <= Int(id) { owners.append(0) }
      owners[Int(id)] = key
    }
    // What a cache held before the sample began is not known, but for one that has room for everything.
    let holdsAll = share > 1 && wholeWeight <= exactSize
    func count(_ position: Int, _ isHit: Bool) {
      let isUnknown = holdsAll && !isHit && areFirst[position]
      let wasMissed = reuses[position] == Int(ReuseClass.miss)
      if isUnknown, wasMissed { score.unknown += 1 }
      score.count(reuses[position], isHit: isHit || isUnknown && !wasMissed)
    }
    for (position, key) in keys.enumerated() {
      if let ended = ending(at: position), ids[ended] != 0 { drop(ids[ended]) }
      // What begins its life at a step is of the key of that step.
      if let lifetime, position >= lifetime, case let over = keys[position - lifetime], ids[over] != 0,
        begun[over] == position - lifetime
      {
        drop(ids[over])
        if position >= firstCounted { outcome.expired += 1 }
      }
      switch steps[position] {
      case .store:
        if ids[key] == 0 {
          insert(key, position)
        } else {
          policy.touch(ids[key])
          begin(key, position)
        }
      case .remove:
        if ids[key] != 0 { drop(ids[key]) }
      case .look(let stores):
        let isHit = ids[key] != 0
        if position >= firstCounted { count(position, isHit) }
        if isHit {
          policy.recordHit(ids[key])
          if ends.areProlonged { begin(key, position) }
        } else {
          policy.recordMiss()
          if stores { insert(key, position) }
        }
      }
    }
    outcome.missRatio = score.missRatio(shares, newness: newness)
    return outcome
  }

  /// Where nearly all entries end by their lifetime, it hardly says how long that is that they do.
  private static let nearlyAll = 0.9

  /// The notes have no times, but a lifetime is a number of steps: the one with which a miniature of the cache as it is loses as many of its entries by it as
  /// the cache did, or, where there is room for all, misses as much.
  func findLifetime() -> Int {
    func isTooShort(_ lifetime: Int) -> Bool {
      let outcome = replay(at: 1, ShadowCaches.regimes[0], rounding: 0.5, seed: 0, lifetime: lifetime)
      return ends.expired < Self.nearlyAll
        ? outcome.expiredShare > ends.expired : outcome.missRatio > presentMissRatio
    }
    var (short, long) = (1.0, Double(keys.count))
    while long - short > max(1, short / 50) {
      let middle = (short * long).squareRoot()
      if isTooShort(Int(middle)) { short = middle } else { long = middle }
    }
    return max(Int(long), 1)
  }
}
