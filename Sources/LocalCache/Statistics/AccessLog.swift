/// The last some thousand accesses of sampled keys, what the traffic was made of meanwhile, and how old entries were when they were hit.
///
/// The notes lie in a ring of four bytes each, six where weights differ, in eight parts; each part has its own count of the probes that came
/// while it was written. So what is worked out from the younger parts is set beside the traffic of the same time.
struct AccessLog {
  /// What became of a look-up, or that there was none.
  enum Kind: UInt8 {
    case hit = 0
    case miss = 1
    /// A miss, and then the value was stored.
    case loaded = 2
    /// Stored without a look-up before.
    case stored = 3
    /// Removed by the program. In a tag, a store of class 1, which stores do not have.
    case removed = 7

    var isLook: Bool { self != .stored && self != .removed }

    init(tag: UInt8) {
      self = Kind(rawValue: tag & 3) ?? .hit
      if tag == Kind.removed.rawValue { self = .removed }
    }
  }

  static let parts = 8

  private(set) var plan: SamplingPlan
  private var pace = NotePace()
  private var keys: NoteKeys
  /// Two bits of kind, six of reuse.
  private var tags: [UInt8] = []
  /// Empty while all weights are 1.
  private var weights: [PackedWeight] = []
  private var next = 0
  /// Probes by part and class of reuse.
  private var traffic: [UInt16] = []
  /// Hits of sampled keys that were not worth a note, likewise.
  private var repeats: [UInt16] = []
  private var sinceTurn = 0
  private var turns = 0

  /// Hits by age: element n counts ages of up to 2^n ticks.
  private(set) var ages = [UInt64](repeating: 0, count: 33)

  init(_ plan: SamplingPlan) {
    self.plan = plan
    keys = NoteKeys(below: plan.threshold)
  }

  // Capacity and parts are powers of two: an access must not cost a division.
  private var mask: Int { plan.capacity &- 1 }
  private var partSize: Int { plan.capacity / Self.parts }
  private var partShift: Int { plan.capacity.trailingZeroBitCount &- Self.parts.trailingZeroBitCount }
  /// Where the last note is.
  private var lastPlace: Int { (next &- 1) & mask }
  private var lastPart: Int { lastPlace &>> partShift }

  // MARK: Adding

  mutating func append(_ note: AccessNote) {
    switch note.kind {
    case .probe:
      pace.note(isWritten: false)
      guard !traffic.isEmpty else { return }
      let place = lastPart * ReuseClass.count + Int(note.reuse & 63)
      if traffic[place] < .max { traffic[place] += 1 }
      if let age = note.age { ages[UInt32.bitWidth - age.leadingZeroBitCount] += 1 }
    case .hit:
      if isRepeat(note.key) {
        pace.note(isWritten: false)
        let place = lastPart * ReuseClass.count + Int(note.reuse & 63)
        if repeats[place] < .max { repeats[place] += 1 }
      } else {
        write(note, .hit)
      }
    case .miss: write(note, .miss)
    case .removed: write(note, .removed)
    case .stored:
      if let place = lastMiss(of: note.key) {
        tags[place] = Kind.loaded.rawValue
        setWeight(note.weight, at: place)
      } else {
        write(note, .stored)
      }
    }
  }

  private mutating func write(_ note: AccessNote, _ kind: Kind) {
    pace.note(isWritten: true)
    if next & (partSize &- 1) == 0 { beginPart() }
    let tag = kind.rawValue | note.reuse << 2
    if next == keys.count {
      keys.append(note.key)
      tags.append(tag)
      if !weights.isEmpty { weights.append(PackedWeight(0)) }
    } else {
      keys[next] = note.key
      tags[next] = tag
    }
    setWeight(note.weight, at: next)
    next = (next &+ 1) & mask
    sinceTurn += 1
  }

  /// Memory is taken part by part: doubling would take half of it in vain.
  private mutating func beginPart() {
    if traffic.isEmpty {
      traffic = [UInt16](repeating: 0, count: Self.parts * ReuseClass.count)
      repeats = [UInt16](repeating: 0, count: Self.parts * ReuseClass.count)
    }
    let part = next &>> partShift
    for index in part * ReuseClass.count..<(part + 1) * ReuseClass.count { (traffic[index], repeats[index]) = (0, 0) }
    guard keys.count == next else { return }
    keys.reserveCapacity(next + partSize)
    tags.reserveCapacity(next + partSize)
    if !weights.isEmpty { weights.reserveCapacity(next + partSize) }
  }

  private mutating func setWeight(_ weight: UInt64, at place: Int) {
    if weights.isEmpty {
      guard weight > 1 else { return }
      weights.reserveCapacity(max(keys.count, partSize))
      weights = [PackedWeight](repeating: PackedWeight(1), count: keys.count)
    }
    weights[place] = PackedWeight(weight)
  }

  /// Whether the key has a note so lately that the access is a hit in every cache that is asked about, and changes nothing there. A key that is
  /// among the most popular would fill the log with such.
  private func isRepeat(_ key: UInt32) -> Bool {
    place(of: key, within: plan.repeatDistance) != nil
  }

  /// Where the key is among so many of the last notes.
  private func place(of key: UInt32, within distance: Int) -> Int? {
    keys.place(of: key, before: next, within: distance, mask: mask)
  }

  /// The place of a look-up of this key among the last ones that found nothing, and that nothing was stored for yet.
  private func lastMiss(of key: UInt32) -> Int? {
    guard let place = place(of: key, within: 32) else { return nil }
    return tags[place] & 3 == Kind.miss.rawValue ? place : nil
  }

  // MARK: Rests

  /// Whether nothing is to be noted from now on, until `isToGoOn`.
  mutating func isRestDue(now: @autoclosure () -> UInt64) -> Bool {
    pace.isRestDue(capacity: plan.capacity, now: now())
  }

  mutating func isToGoOn(now: UInt64) -> Bool { pace.isToGoOn(now: now) }

  // MARK: Turns

  /// Soon at first, so that a cache with little traffic is described too, and before a log that is full rests. Later where entries cannot be counted
  /// now: somebody may come who can.
  func isTurnDue(canCount: Bool) -> Bool {
    let due = min(64 << min(turns, 20), plan.capacity, 4096)
    return sinceTurn >= (canCount ? due : due + due / 4)
  }

  /// Now and then: as many keys as are wanted. With fewer keys the older notes are still good, without the others; for more keys they have to
  /// begin anew, so that happens only where it matters.
  mutating func turn(_ wanted: SamplingPlan) {
    sinceTurn = 0
    turns += 1
    let needsMore = wanted.threshold / 2 > plan.threshold
    // Filled anew before the first rest.
    if wanted.capacity > plan.capacity { pace = NotePace() }
    if needsMore || wanted.capacity * 4 <= plan.capacity {
      restart(wanted)
    } else {
      let threshold = min(wanted.threshold, plan.threshold)
      if wanted.probePeriod != plan.probePeriod { rescale(Double(plan.probePeriod) / Double(wanted.probePeriod)) }
      if wanted.capacity > plan.capacity { grow(to: wanted) }
      plan = wanted.with(capacity: plan.capacity, threshold: threshold)
    }
  }

  private mutating func restart(_ wanted: SamplingPlan) {
    plan = wanted
    (keys, tags, weights, next) = (NoteKeys(below: wanted.threshold), [], [], 0)
    for index in traffic.indices { (traffic[index], repeats[index]) = (0, 0) }
  }

  /// As many probes as there had been with another period.
  private mutating func rescale(_ factor: Double) {
    for index in traffic.indices { traffic[index] = UInt16(min((Double(traffic[index]) * factor).rounded(), 65_535)) }
  }

  /// The ring, oldest first, becomes the beginning of a larger one, in which parts are larger too.
  private mutating func grow(to wanted: SamplingPlan) {
    let factor = wanted.capacity / plan.capacity
    let isWrapped = keys.count == plan.capacity
    let order = isWrapped ? Array(next..<keys.count) + Array(0..<next) : Array(0..<keys.count)
    let firstPart = isWrapped ? (lastPart + 1) % Self.parts : 0
    keys.reorder(order)
    tags = order.map { tags[$0] }
    if !weights.isEmpty { weights = order.map { weights[$0] } }
    func merged(_ counts: [UInt16]) -> [UInt16] {
      var larger = [UInt16](repeating: 0, count: counts.count)
      for old in 0..<Self.parts where !counts.isEmpty {
        for index in 0..<ReuseClass.count {
          let place = old / factor * ReuseClass.count + index
          let sum = larger[place].addingReportingOverflow(
            counts[(old + firstPart) % Self.parts * ReuseClass.count + index])
          larger[place] = sum.overflow ? .max : sum.partialValue
        }
      }
      return larger
    }
    (traffic, repeats) = (merged(traffic), merged(repeats))
    next = keys.count
    plan = wanted
  }

  // MARK: Reading

  /// Hits of all look-ups may differ by this much between the halves of steady traffic.
  private static let steadiness = 0.02

  /// A copy, oldest first. The oldest quarter only shows how keys were used before, the rest is what counts; of traffic that changes the younger half.
  func sample() -> AccessSample {
    let isWrapped = keys.count == plan.capacity
    let filled = isWrapped ? Self.parts : lastPart + 1
    let isSteady =
      filled >= 4 && abs(hitRatio(ages: 0..<filled / 2) - hitRatio(ages: filled / 2..<filled)) <= Self.steadiness
    let counted = max(isSteady ? filled - filled / 4 : filled / 2, 1)
    var sample = AccessSample(rate: plan.rate, threshold: plan.threshold, isSteady: isSteady)
    for age in 0..<counted where !traffic.isEmpty {
      let index = (lastPart - age + Self.parts) % Self.parts
      for reuse in 0..<ReuseClass.count {
        sample.probes += Int(traffic[index * ReuseClass.count + reuse])
        sample.traffic[reuse] += Double(traffic[index * ReuseClass.count + reuse]) * Double(plan.probePeriod)
        sample.repeats[reuse] += Int(repeats[index * ReuseClass.count + reuse])
      }
    }
    let begin = isWrapped ? next : 0
    let countedFrom = max(0, keys.count - (lastPlace % partSize + 1) - (counted - 1) * partSize)
    for offset in 0..<keys.count {
      let place = (begin + offset) % keys.count
      if offset == countedFrom { sample.firstCounted = sample.records.count }
      guard keys[place] < plan.threshold else { continue }
      sample.records.append(
        .init(
          key: keys[place], kind: Kind(tag: tags[place]), reuse: tags[place] >> 2,
          weight: weights.isEmpty ? 1 : weights[place].value))
    }
    return sample
  }
}

extension AccessLog {
  /// Hits of all look-ups in parts of these ages; 0 is the youngest.
  private func hitRatio(ages: Range<Int>) -> Double {
    var sums = (hits: 0.0, all: 0.0)
    for age in ages where !traffic.isEmpty {
      let begin = (lastPart - age + Self.parts) % Self.parts * ReuseClass.count
      let all = traffic[begin..<begin + ReuseClass.count].reduce(0.0) { $0 + Double($1) }
      sums.all += all
      sums.hits += all - Double(traffic[begin + Int(ReuseClass.miss)])
    }
    return sums.all > 0 ? sums.hits / sums.all : 0
  }
}

/// A weight in two bytes: eleven bits above five that say how far they are shifted.
struct PackedWeight {
  private let bits: UInt16

  init(_ weight: UInt64) {
    let bounded = min(weight, PolicyNode.maximumWeight)
    let shift = UInt64(max(0, UInt64.bitWidth - bounded.leadingZeroBitCount - 11))
    bits = UInt16((bounded >> shift) << 5 | shift)
  }

  var value: UInt64 { UInt64(bits >> 5) << UInt64(bits & 31) }
}

/// What was noted of the traffic.
struct AccessSample: Sendable {
  struct Record: Sendable {
    var key: UInt32
    var kind: AccessLog.Kind
    var reuse: UInt8
    /// 0 where it is not known.
    var weight: UInt64
  }

  /// Oldest first.
  var records: [Record] = []
  /// Records before this one only warm a model up.
  var firstCounted = 0
  /// Accesses of all keys since then, by class of reuse.
  var traffic = [Double](repeating: 0, count: ReuseClass.count)
  /// Hits that have no record since then, because another of the same key was just before; also by class.
  var repeats = [Int](repeating: 0, count: ReuseClass.count)
  /// Share of all keys that were sampled, 0 to 1.
  var rate: Double
  /// Their hashes are below this.
  var threshold: UInt32
  /// Whether the older half of the accesses hit as often as the younger one.
  var isSteady: Bool

  /// Probes that the traffic was worked out from.
  var probes = 0
  /// Accesses of all keys since the first record that counts.
  var requests: Double { traffic.reduce(0, +) }
}
