/// Replays what was noted of a cache's traffic through miniatures of the cache, of any size.
///
/// A miniature that sees 1/n of the keys and has 1/n of the room has nearly the hit ratio of the cache (Waldspurger, Saemundsson, Ahmad, Park,
/// "Cache Modeling and Optimization using Miniature Simulations", USENIX ATC 2017). Which keys are sampled is chance, though, and matters much: some
/// are a hundred times as popular as others. So the hits of the sample are not taken as they are, but by classes of reuse: how often a miniature
/// hits in a class is the sample's, how much of the traffic is in the class the probes say, which see keys of all kinds as they come
/// (post-stratification; Cochran, "Sampling Techniques", 1977, 5A.9).
struct CurveModel {
  enum Step {
    /// A look-up; a value that was not found is stored afterwards, or not.
    case look(stores: Bool)
    case store
    case remove
  }

  var keys: [Int] = []
  var steps: [Step] = []
  var reuses: [Int] = []
  var hashes: [UInt32] = []
  var weights: [UInt64] = []
  /// The key whose entry ends before a step, in a cache of any size. Empty where none does.
  private let endings: [Int?]
  let firstCounted: Int
  /// Share of the traffic of each class.
  let shares: [Double]
  /// Hits of each class that are not among the steps.
  let repeats: [Int]
  let contents: SampledContents
  /// Look-ups that count.
  let counted: Int

  /// Steps after which an entry is over; nil where none is.
  var lifetime: Int?
  let ends: EntryEnds
  /// Share of the first look-ups of keys in the sample, of those that were misses, that a cache which holds all that was ever asked for would miss too.
  var newness = 1.0
  /// Of all sampled keys that were ever asked for, whether they are in the sample or not.
  var wholeWeight = Double.infinity
  /// Whether a step is the first of its key.
  var areFirst: [Bool] = []

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

  func ending(at position: Int) -> Int? { endings.isEmpty ? nil : endings[position] }

  /// Misses of the cache as it is, of all look-ups.
  var presentMissRatio: Double { shares[Int(ReuseClass.miss)] }

  /// Hits and misses of a model by class.
  struct Score {
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
}
