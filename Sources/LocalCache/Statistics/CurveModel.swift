/// Replays what was noted of a cache's traffic through miniatures of the cache, of any size.
///
/// A miniature that sees 1/n of the keys and has 1/n of the room has nearly the hit ratio of the cache (Waldspurger, Saemundsson, Ahmad, Park,
/// "Cache Modeling and Optimization using Miniature Simulations", USENIX ATC 2017). Which keys are sampled is chance, though, and matters much: some
/// are a hundred times as popular as others. So the hits of the sample are not taken as they are, but by classes of reuse: how often a miniature
/// hits in a class is the sample's, how much of the traffic is in the class the probes say, which see keys of all kinds as they come
/// (post-stratification; Cochran, "Sampling Techniques", 1977, 5A.9).
struct CurveModel {
  private enum Step {
    /// A look-up; a value that was not found is stored afterwards, or not.
    case look(stores: Bool)
    case store
    case remove
  }

  private var keys: [Int] = []
  private var steps: [Step] = []
  private var reuses: [Int] = []
  private var hashes: [UInt32] = []
  private var weights: [UInt64] = []
  /// The key whose entry ends before a step, in a cache of any size. Empty where none does.
  private let endings: [Int?]
  private let firstCounted: Int
  /// Share of the traffic of each class.
  private let shares: [Double]
  /// Hits of each class that are not among the steps.
  private let repeats: [Int]
  private let contents: SampledContents
  /// Look-ups that count.
  let counted: Int

  /// Steps after which an entry is over; nil where none is.
  private var lifetime: Int?
  private let ends: EntryEnds
  /// Share of the first look-ups of keys in the sample, of those that were misses, that a cache which holds all that was ever asked for would miss too.
  private var newness = 1.0
  /// Of all sampled keys that were ever asked for, whether they are in the sample or not.
  private var wholeWeight = Double.infinity
  /// Whether a step is the first of its key.
  private var areFirst: [Bool] = []

  /// Which entries ended by themselves is not noted. As many of those that were missed as went with all others are taken to have, spread over the sample,
  /// half-way from one access to the next. How long entries lived before they were over is found by trial: see `findLifetime`.
  ///
  /// - Parameter keysEver: what is known of all keys that were ever asked for.
  init(_ sample: AccessSample, contents: SampledContents, ends: EntryEnds, keysEver: KeysEver = KeysEver()) {
    self.contents = contents
    self.ends = ends
    let ended = UInt32(min(max(ends.emptied, 0), 1) * Double(UInt32.max))
    var endings = [Int?](repeating: nil, count: ended > 0 ? sample.records.count : 0)
    var last: [Int] = []
    var numbers: [UInt32: Int] = [:]
    for record in sample.records {
      let number = numbers[record.key] ?? numbers.count
      areFirst.append(number == numbers.count)
      if number == numbers.count {
        numbers[record.key] = number
        hashes.append(record.key &* 0x9E37_79B1)
        weights.append(0)
        last.append(-1)
      }
      if record.weight > 0 { weights[number] = record.weight }
      let position = keys.count
      if record.kind == .loaded || record.kind == .miss, last[number] >= 0,
        UInt32(truncatingIfNeeded: position) &* 0x9E37_79B1 < ended
      {
        let first = (last[number] + position + 1) / 2
        if let free = (first...position).first(where: { endings[$0] == nil }) { endings[free] = number }
      }
      last[number] = record.kind == .removed ? -1 : position
      keys.append(number)
      reuses.append(Int(record.reuse))
      switch record.kind {
      case .hit, .loaded: steps.append(.look(stores: true))
      case .miss: steps.append(.look(stores: false))
      case .stored: steps.append(.store)
      case .removed: steps.append(.remove)
      }
    }
    self.endings = endings
    let known = weights.filter { $0 > 0 }
    let mean = known.isEmpty ? 1 : known.reduce(0, +) / UInt64(known.count)
    for index in weights.indices where weights[index] == 0 { weights[index] = max(mean, 1) }
    firstCounted = sample.firstCounted
    repeats = sample.repeats
    let looks = sample.records[firstCounted...].filter(\.kind.isLook)
    counted = looks.count
    if sample.requests > 0 {
      shares = sample.traffic.map { $0 / sample.requests }
    } else {
      var own = [Double](repeating: 0, count: ReuseClass.count)
      for look in looks { own[Int(look.reuse)] += 1 / Double(looks.count) }
      shares = own
    }
    let missed = sample.records.indices.filter { sample.records[$0].isMiss }
    newness = keysEver.newness(
      missed.filter { $0 >= sample.firstCounted }.map { areFirst[$0] }, cold: shares[Int(ReuseClass.miss)], ends)
    var notes = [Int](repeating: 0, count: weights.count)
    for key in keys { notes[key] += 1 }
    wholeWeight = keysEver.weight(
      weights, once: weights.indices.filter { notes[$0] == 1 }.map { weights[$0] }, rate: sample.rate)
    if ends.expired > 0, counted > 0 { lifetime = findLifetime() }
  }

  private func ending(at position: Int) -> Int? { endings.isEmpty ? nil : endings[position] }

  /// Misses of the cache as it is, of all look-ups.
  var presentMissRatio: Double { shares[Int(ReuseClass.miss)] }

  /// Hits and misses of a model by class.
  private struct Score {
    var looks: [Int]
    var misses = [Int](repeating: 0, count: ReuseClass.count)
    /// Of the misses of what the cache missed too: those of which it is not known whether they were in a cache of that size.
    var unknown = 0

    mutating func count(_ reuse: Int, isHit: Bool) {
      looks[reuse] += 1
      if !isHit { misses[reuse] += 1 }
    }

    /// Misses of all look-ups of a traffic that is made up like this.
    ///
    /// - Parameter newness: share of the unknown misses that are misses.
    func missRatio(_ shares: [Double], newness: Double) -> Double {
      var sum = 0.0
      // A class that no sampled look-up was in misses as the next one does in which there are some.
      var last = 0.0
      for reuse in 1..<shares.count {
        if looks[reuse] > 0 { last = Double(misses[reuse]) / Double(looks[reuse]) }
        sum += shares[reuse] * last
      }
      let cold = Int(ReuseClass.miss)
      let missed = Double(misses[cold]) - Double(unknown) * (1 - newness)
      return sum + shares[cold] * (looks[cold] > 0 ? missed / Double(looks[cold]) : 1)
    }
  }

  // MARK: The cache's own policy

  /// All regimes are tried at each fourth size; at the sizes between, those that come this near to the best at one of the two neighbours.
  private static let step = 4
  private static let nearness = 0.015
  /// Regimes that differ by less are as good as each other, and the best of them is so by chance: their mean counts.
  private static let closeness = 0.003

  /// Misses of all look-ups in caches of these shares of the limit, in ascending order.
  ///
  /// A cache finds out which regime suits its traffic, and a miniature does too; but it sees few accesses, so which of two close ones it comes to is
  /// chance, and where traffic changes it is late. So each regime is tried for itself, and the best counts: that is where the cache would end.
  func missRatios(at shares: [Double]) -> [Double] {
    guard counted > 0 else { return shares.map { _ in presentMissRatio } }
    let regimes = ShadowCaches.regimes
    var found = [[Double?]](repeating: Array(repeating: nil, count: regimes.count), count: shares.count)
    func isFull(_ index: Int) -> Bool { index % Self.step == 0 || index == shares.count - 1 }
    for index in shares.indices where isFull(index) {
      for regime in regimes.indices { found[index][regime] = missRatio(at: shares[index], regimes[regime]) }
    }
    for index in shares.indices where !isFull(index) {
      let neighbours = [index / Self.step * Self.step, min((index / Self.step + 1) * Self.step, shares.count - 1)]
      for regime in regimes.indices {
        let isGood = neighbours.contains { neighbour in
          let all = found[neighbour].compactMap { $0 }
          return (found[neighbour][regime] ?? 1) <= (all.min() ?? 0) + Self.nearness
        }
        if isGood { found[index][regime] = missRatio(at: shares[index], regimes[regime]) }
      }
    }
    return found.map { ratios in
      let known = ratios.compactMap { $0 }
      let best = known.min() ?? presentMissRatio
      let weights = known.map { ((best - $0) / Self.closeness).exponential }
      return zip(known, weights).reduce(0) { $0 + $1.0 * $1.1 } / max(weights.reduce(0, +), 1)
    }
  }

  /// The mean of some miniatures, more where they are small. As many of them are rounded up as the size is above a whole number.
  private func missRatio(at share: Double, _ regime: Regime) -> Double {
    let repetitions = min(max(16_384 / keys.count, 1), 4)
    let sum = (0..<repetitions).reduce(0.0) { sum, repetition in
      let rounding = (Double(repetition) + 0.5) / Double(repetitions)
      return sum
        + replay(at: share, regime, rounding: rounding, seed: UInt32(truncatingIfNeeded: repetition &* 0x9E37_79B9))
    }
    return sum / Double(repetitions)
  }

  /// What came of a replay.
  private struct Outcome {
    var missRatio = 0.0
    var (expired, evicted) = (0, 0)
    var expiredShare: Double { Double(expired) / Double(max(expired + evicted, 1)) }
  }

  private func replay(at share: Double, _ regime: Regime, rounding: Double, seed: UInt32) -> Double {
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

  // MARK: Lifetimes

  /// Where nearly all entries end by their lifetime, it hardly says how long that is that they do.
  private static let nearlyAll = 0.9

  /// The notes have no times, but a lifetime is a number of steps: the one with which a miniature of the cache as it is loses as many of its entries by it as
  /// the cache did, or, where there is room for all, misses as much.
  private func findLifetime() -> Int {
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

  // MARK: LRU

  /// The same for caches that evict the least recently used, of several sizes: an access is a hit where all that was used since the last one
  /// of the key fits in (Mattson et al. 1970), counted with a Fenwick tree.
  func lruMissRatios(at sharesOfLimit: [Double]) -> [Double] {
    let sizes = sharesOfLimit.map { Double(contents.limit) * contents.rate * $0 }
    var tree = [UInt64](repeating: 0, count: keys.count + 1)
    func add(_ position: Int, _ amount: UInt64) {
      var index = position + 1
      while index < tree.count {
        tree[index] &+= amount
        index += index & -index
      }
    }
    func sum(below position: Int) -> UInt64 {
      var index = position
      var result: UInt64 = 0
      while index > 0 {
        result &+= tree[index]
        index -= index & -index
      }
      return result
    }
    var last = [Int](repeating: -1, count: hashes.count)
    /// For each size, where the life of a key's entry began.
    var begun = [[Int]](repeating: [], count: sizes.count)
    if lifetime != nil { for index in sizes.indices { begun[index] = last } }
    func isHit(_ key: Int, _ position: Int, _ index: Int, isKept: Bool) -> Bool {
      guard let lifetime else { return isKept }
      let isHit = isKept && position - begun[index][key] < lifetime
      if !isHit || ends.areProlonged { begun[index][key] = position }
      return isHit
    }
    var total: UInt64 = 0
    var scores = sizes.map { _ in Score(looks: repeats) }
    func drop(_ key: Int) {
      guard last[key] >= 0 else { return }
      add(last[key], 0 &- weights[key])
      total &-= weights[key]
      last[key] = -1
    }
    for (position, key) in keys.enumerated() {
      if let ended = ending(at: position) { drop(ended) }
      if case .remove = steps[position] {
        drop(key)
        continue
      }
      var distance = Double.infinity
      if last[key] >= 0 {
        distance = Double(total &- sum(below: last[key]))
        add(last[key], 0 &- weights[key])
      } else {
        total &+= weights[key]
      }
      add(position, weights[key])
      last[key] = position
      guard case .look = steps[position] else {
        for index in begun.indices where lifetime != nil { begun[index][key] = position }
        continue
      }
      for index in sizes.indices {
        let isHit = isHit(key, position, index, isKept: distance <= sizes[index])
        if position >= firstCounted { scores[index].count(reuses[position], isHit: isHit) }
      }
    }
    return scores.map { $0.missRatio(shares, newness: 1) }
  }
}
