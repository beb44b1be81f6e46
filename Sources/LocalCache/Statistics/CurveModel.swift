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

  /// - Parameter endedShare: of what left the cache, how much no cache would have kept, because it ended by its lifetime or with all others; the rest was
  ///   evicted. Which of both became of an entry is not noted, so that many of those that were missed are taken to have ended, spread over the sample,
  ///   half-way from one access to the next.
  init(_ sample: AccessSample, contents: SampledContents, endedShare: Double) {
    self.contents = contents
    let ended = UInt32(min(max(endedShare, 0), 1) * Double(UInt32.max))
    var endings = [Int?](repeating: nil, count: ended > 0 ? sample.records.count : 0)
    var last: [Int] = []
    var numbers: [UInt32: Int] = [:]
    for record in sample.records {
      let number = numbers[record.key] ?? numbers.count
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
  }

  private func ending(at position: Int) -> Int? { endings.isEmpty ? nil : endings[position] }

  /// Misses of the cache as it is, of all look-ups.
  var presentMissRatio: Double { shares[Int(ReuseClass.miss)] }

  /// Hits and misses of a model by class.
  private struct Score {
    var looks: [Int]
    var misses = [Int](repeating: 0, count: ReuseClass.count)

    mutating func count(_ reuse: Int, isHit: Bool) {
      looks[reuse] += 1
      if !isHit { misses[reuse] += 1 }
    }

    /// Misses of all look-ups of a traffic that is made up like this.
    func missRatio(_ shares: [Double]) -> Double {
      var sum = 0.0
      // A class that no sampled look-up was in misses as the next one does in which there are some.
      var last = 0.0
      for reuse in 1..<shares.count {
        if looks[reuse] > 0 { last = Double(misses[reuse]) / Double(looks[reuse]) }
        sum += shares[reuse] * last
      }
      let cold = Int(ReuseClass.miss)
      return sum + shares[cold] * (looks[cold] > 0 ? Double(misses[cold]) / Double(looks[cold]) : 1)
    }
  }

  // MARK: The cache's own policy

  /// At these of the sizes all regimes are tried; at those between them the ones that are this near the best at both neighbours.
  private static let step = 4
  private static let isNear = 0.015
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
          return (found[neighbour][regime] ?? 1) <= (all.min() ?? 0) + Self.isNear
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

  private func replay(at share: Double, _ regime: Regime, rounding: Double, seed: UInt32) -> Double {
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
    func drop(_ id: UInt32) {
      policy.remove(id)
      ids[owners[Int(id)]] = 0
    }
    func insert(_ key: Int) {
      guard weights[key] <= policy.maximum else { return }
      while let victim = policy.nextVictim(for: weights[key]) { drop(victim) }
      let id = policy.insert(hash: hashes[key] ^ seed, weight: weights[key])
      ids[key] = id
      while owners.count <= Int(id) { owners.append(0) }
      owners[Int(id)] = key
    }
    for (position, key) in keys.enumerated() {
      if let ended = ending(at: position), ids[ended] != 0 { drop(ids[ended]) }
      switch steps[position] {
      case .store:
        if ids[key] == 0 { insert(key) } else { policy.touch(ids[key]) }
      case .remove:
        if ids[key] != 0 { drop(ids[key]) }
      case .look(let stores):
        let isHit = ids[key] != 0
        if position >= firstCounted { score.count(reuses[position], isHit: isHit) }
        if isHit {
          policy.recordHit(ids[key])
        } else {
          policy.recordMiss()
          if stores { insert(key) }
        }
      }
    }
    return score.missRatio(shares)
  }

  // MARK: LRU

  /// The same for caches that evict the least recently used, of several sizes: an access is a hit where all that was used since the last one
  /// of the key fits in (Mattson et al. 1970), counted with a Fenwick tree.
  func lruMissRatios(at shares: [Double]) -> [Double] {
    let sizes = shares.map { Double(contents.limit) * contents.rate * $0 }
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
      guard position >= firstCounted, case .look = steps[position] else { continue }
      for index in sizes.indices { scores[index].count(reuses[position], isHit: distance <= sizes[index]) }
    }
    return scores.map { $0.missRatio(shares) }
  }
}

/// What the cache holds of sampled keys: how large a miniature has to be, better than by the share of keys that should be sampled.
struct SampledContents {
  /// Weights of the entries that are of sampled keys.
  let weights: [UInt64]
  /// Weight of all entries.
  let all: UInt64
  /// The cache's limit, in units of the policy.
  let limit: UInt64
  /// Share of the keys that should be sampled.
  let nominalRate: Double

  /// Weight of the entries that are of sampled keys, or nil where that says nothing: of too few, or where these weigh nothing.
  private var sampled: UInt64? {
    guard weights.count >= 16 else { return nil }
    let sum = weights.reduce(0, +)
    return sum > 0 && all > 0 ? sum : nil
  }

  /// Share of the contents, by weight, that is of sampled keys.
  var rate: Double { sampled.map { Double($0) / Double(all) } ?? nominalRate }

  /// Size and greatest weight in a miniature of a cache of this share of the limit. An entry that is a small part of the cache would be a large one
  /// of the miniature, or not fit: such ones count for less, and the miniature is as much smaller.
  func miniature(of share: Double) -> (size: Double, greatest: UInt64) {
    let room = max(Double(limit) * share, 1)
    let size = room * rate
    var greatest = UInt64(min(max((size / 16).rounded(.up), 1), 1e15))
    var bounded = size
    if let sampled {
      greatest = max(greatest, sampled / UInt64(weights.count))
      bounded = room * Double(weights.reduce(0) { $0 + min($1, greatest) }) / Double(all)
    }
    return (bounded, greatest)
  }
}
