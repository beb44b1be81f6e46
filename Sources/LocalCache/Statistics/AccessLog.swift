/// The last some thousand accesses of sampled keys, what the traffic was made of meanwhile, and how old entries were when they were hit.
///
/// The notes lie in a ring (`NoteRing`), in eight parts; each part has its own count of the probes that came while it was written. So what is worked out from the younger parts is set beside the traffic of the same time.
struct AccessLog {
  /// What became of a look-up, or that there was none.
  enum Kind {
    case hit
    case miss
    /// A miss, and then the value was stored.
    case loaded
    /// Stored without a look-up before.
    case stored
    /// Removed by the program.
    case removed

    var isLook: Bool { self != .stored && self != .removed }
  }

  static let parts = 8

  private(set) var plan: SamplingPlan
  private var pace = NotePace()
  private var notes: NoteRing
  private var next = 0
  /// Probes by part and class of reuse.
  private var traffic = ClassCounts(parts: parts)
  /// Hits of sampled keys that were not worth a note, likewise.
  private var repeats = ClassCounts(parts: parts)
  private var sinceTurn = 0
  private var turns = 0

  /// Hits by age: element n counts ages of up to 2^n ticks. As many elements as were ever counted.
  private var ageCounts: [UInt32] = []
  var ages: [UInt64] { ageCounts.map { UInt64($0) } + Array(repeating: 0, count: 33 - ageCounts.count) }

  init(_ plan: SamplingPlan) {
    self.plan = plan
    notes = NoteRing(capacity: plan.capacity, below: plan.threshold)
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
      guard notes.count > 0 else { return }
      traffic.add(part: lastPart, reuse: Self.reuse(note))
      if let age = note.age { count(age: age) }
    case .hit:
      if isRepeat(note.key) {
        pace.note(isWritten: false)
        repeats.add(part: lastPart, reuse: Self.reuse(note))
      } else {
        write(note, .hit(note.reuse))
      }
    case .miss: write(note, .miss)
    case .removed: write(note, .removed)
    case .stored:
      if let place = lastMiss(of: note.key) {
        notes.setTag(.loaded, at: place)
        notes.setWeight(note.weight, at: place)
      } else {
        write(note, .stored)
      }
    }
  }

  private mutating func count(age: UInt32) {
    let place = UInt32.bitWidth - age.leadingZeroBitCount
    if place >= ageCounts.count {
      ageCounts.reserveCapacity(place + 1)
      ageCounts += Array(repeating: 0, count: place + 1 - ageCounts.count)
    }
    if ageCounts[place] < .max { ageCounts[place] += 1 }
  }

  private static func reuse(_ note: AccessNote) -> Int { min(Int(note.reuse), ReuseClass.count - 1) }

  private mutating func write(_ note: AccessNote, _ tag: NoteTag) {
    pace.note(isWritten: true)
    if next & (partSize &- 1) == 0 { beginPart() }
    notes.write(note.key, tag, weight: note.weight, at: next)
    next = (next &+ 1) & mask
    sinceTurn += 1
  }

  /// Memory is taken part by part: doubling would take half of it in vain.
  private mutating func beginPart() {
    let part = next &>> partShift
    traffic.clear(part: part)
    repeats.clear(part: part)
    if notes.count == next { notes.reserveCapacity(next + partSize) }
  }

  /// Whether the key has a note so lately that the access is a hit in every cache that is asked about, and changes nothing there. A key that is
  /// among the most popular would fill the log with such.
  private func isRepeat(_ key: UInt32) -> Bool {
    place(of: key, within: plan.repeatDistance) != nil
  }

  /// Where the key is among so many of the last notes.
  private func place(of key: UInt32, within distance: Int) -> Int? {
    notes.place(of: key, before: next, within: distance)
  }

  /// The place of a look-up of this key among the last ones that found nothing, and that nothing was stored for yet.
  private func lastMiss(of key: UInt32) -> Int? {
    guard let place = place(of: key, within: 32) else { return nil }
    return notes.tag(place) == .miss ? place : nil
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
    let isLarger = wanted.capacity > plan.capacity
    // Old notes know few bits of a key; where many entries leave few keys below the threshold, those bits would be the same for most.
    let distinct = notes.distinctKeys(below: wanted.threshold, capacity: wanted.capacity)
    let isBlurred = distinct.here < wanted.capacity && distinct.here < distinct.anew
    if needsMore || isBlurred || wanted.capacity * 4 <= plan.capacity {
      restart(wanted)
    } else {
      let threshold = min(wanted.threshold, plan.threshold)
      // As many probes as there had been with another period.
      if wanted.probePeriod != plan.probePeriod { traffic.scale(Double(plan.probePeriod) / Double(wanted.probePeriod)) }
      if isLarger { grow(to: wanted) }
      plan = wanted.with(capacity: plan.capacity, threshold: threshold)
    }
    // Filled to its end before the first rest, which then comes where the ring begins.
    if isLarger { pace = NotePace(written: next) }
  }

  private mutating func restart(_ wanted: SamplingPlan) {
    plan = wanted
    notes = NoteRing(capacity: plan.capacity, below: plan.threshold)
    next = 0
    traffic.removeAll()
    repeats.removeAll()
  }

  /// The ring, oldest first, becomes the beginning of a larger one, in which parts are larger too.
  private mutating func grow(to wanted: SamplingPlan) {
    let isWrapped = notes.count == plan.capacity
    let firstPart = isWrapped ? (lastPart + 1) % Self.parts : 0
    notes.grow(to: wanted.capacity, first: isWrapped ? next : 0)
    traffic.merge(wanted.capacity / plan.capacity, first: firstPart)
    repeats.merge(wanted.capacity / plan.capacity, first: firstPart)
    next = notes.count
    plan = wanted
  }

  // MARK: Reading

  /// A copy, oldest first. The oldest quarter only shows how keys were used before, the rest is what counts; of traffic that changes the younger half.
  func sample() -> AccessSample {
    let isWrapped = notes.count == plan.capacity
    let filled = isWrapped ? Self.parts : lastPart + 1
    let isSteady =
      filled >= 4 && isSteady(probes(ages: 0..<filled / 2), probes(ages: filled / 2..<filled))
    let counted = max(isSteady ? filled - filled / 4 : filled / 2, 1)
    var sample = AccessSample(rate: plan.rate, threshold: plan.threshold, isSteady: isSteady, isFull: isWrapped)
    for age in 0..<counted {
      let part = (lastPart - age + Self.parts) % Self.parts
      for (reuse, count) in traffic[part].enumerated() {
        sample.probes += Int(count)
        sample.traffic[reuse] += Double(count) * Double(plan.probePeriod)
      }
      for (reuse, count) in repeats[part].enumerated() { sample.repeats[reuse] += Int(count) }
    }
    let begin = isWrapped ? next : 0
    let countedFrom = max(0, notes.count - (lastPlace % partSize + 1) - (counted - 1) * partSize)
    for offset in 0..<notes.count {
      let place = (begin + offset) % notes.count
      if offset == countedFrom { sample.firstCounted = sample.records.count }
      let (key, tag) = (notes.key(place), notes.tag(place))
      guard key < plan.threshold else { continue }
      sample.records.append(.init(key: key, kind: tag.kind, reuse: tag.reuse, weight: notes.weight(place)))
    }
    return sample
  }
}

extension AccessLog {
  /// Hits of all look-ups may differ by this much between the halves of steady traffic, and by what is chance: so many standard deviations. In a small log
  /// of some thousand probes that is more.
  private static let steadiness = (difference: 0.02, deviations: 3.0)

  private func isSteady(_ younger: (hits: Double, all: Double), _ older: (hits: Double, all: Double)) -> Bool {
    guard younger.all > 0, older.all > 0 else { return younger.all == older.all }
    let mean = (younger.hits + older.hits) / (younger.all + older.all)
    let chance = (mean * (1 - mean) * (1 / younger.all + 1 / older.all)).squareRoot()
    return abs(younger.hits / younger.all - older.hits / older.all)
      <= max(Self.steadiness.difference, Self.steadiness.deviations * chance)
  }

  /// Look-ups that were probed in parts of these ages; 0 is the youngest.
  private func probes(ages: Range<Int>) -> (hits: Double, all: Double) {
    var sums = (hits: 0.0, all: 0.0)
    for age in ages {
      let counts = traffic[(lastPart - age + Self.parts) % Self.parts]
      let all = counts.reduce(0.0) { $0 + Double($1) }
      sums.all += all
      sums.hits += all - (counts.isEmpty ? 0 : Double(counts[Int(ReuseClass.miss)]))
    }
    return sums
  }
}

/// What was noted of the traffic.
struct AccessSample: Sendable {
  struct Record: Sendable {
    var key: UInt32
    var kind: AccessLog.Kind
    var reuse: UInt8
    /// 0 where it is not known.
    var weight: UInt64

    /// A look-up that found nothing.
    var isMiss: Bool { kind.isLook && kind != .hit }
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
  /// Whether there will never be more records: each new one takes the place of the oldest.
  var isFull: Bool

  /// Probes that the traffic was worked out from.
  var probes = 0
  /// Accesses of all keys since the first record that counts.
  var requests: Double { traffic.reduce(0, +) }
}
