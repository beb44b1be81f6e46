import Synchronization

/// Notes a sample of the accesses, from which the verdict and the miss-ratio curve are worked out when somebody asks.
///
/// Keys are sampled by hash (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC Construction with SHARDS", FAST 2015): all accesses of a
/// sampled key are seen, none of another. A look-up pays one comparison, and a short note for about one key in a hundred. Every miss and
/// every write of any key goes into a HyperLogLog, so distinct keys are counted too: a key's first access is never a hit.
@usableFromInline
final class AccessObserver: Sendable {
  /// Sampled are hashes whose low half is below this.
  @usableFromInline let threshold: Atomic<UInt32>
  private let isOn: Bool
  let distinctKeys = HyperLogLog()
  private let log: Guarded<AccessLog>

  /// `entries` is how many may be expected: decides how many keys are sampled until that is known.
  init(isOn: Bool, entries: Int) {
    self.isOn = isOn
    entryEstimate = Atomic(entries)
    threshold = Atomic(isOn ? AccessLog.threshold(entries: entries) : 0)
    log = Guarded(AccessLog())
  }

  @inlinable @inline(__always)
  func observes(_ hash: UInt64) -> Bool {
    UInt32(truncatingIfNeeded: hash) < threshold.load(ordering: .relaxed)
  }

  /// A hit of a sampled key. The buffer is the caller's alone; when it is full the notes go on to the log.
  @usableFromInline @inline(never)
  func hit(_ hash: UInt64, weight: UInt64, age: UInt32?, _ buffer: inout NoteBuffer) {
    buffer.append(AccessNote(key: UInt32(truncatingIfNeeded: hash), kind: .hit, weight: weight, age: age))
    if buffer.isFull { take(&buffer) }
  }

  @usableFromInline
  func missed(_ hash: UInt64) {
    guard isOn else { return }
    distinctKeys.add(hash)
    if observes(hash) {
      note(AccessNote(key: UInt32(truncatingIfNeeded: hash), kind: .miss, weight: 0))
    }
  }

  @usableFromInline
  func stored(_ hash: UInt64, weight: UInt64) {
    guard isOn else { return }
    distinctKeys.add(hash)
    if observes(hash) {
      note(AccessNote(key: UInt32(truncatingIfNeeded: hash), kind: .stored, weight: weight))
    }
  }

  private func note(_ note: AccessNote) {
    log.withLock { log in
      log.append(note)
      if log.isFull { turn(&log) }
    }
  }

  @inline(never)
  private func take(_ buffer: inout NoteBuffer) {
    log.withLock { log in
      buffer.drain { log.append($0) }
      if log.isFull { turn(&log) }
    }
  }

  private func turn(_ log: inout AccessLog) {
    let current = threshold.load(ordering: .relaxed)
    threshold.store(
      log.turn(entries: entryEstimate.load(ordering: .relaxed), current: current), ordering: .relaxed)
    // Only starts a task: this may run under a shard's lock.
    onTurn.withLock { $0?() }
  }

  /// Called after every few thousand notes, under locks of the cache.
  let onTurn = Guarded<(@Sendable () -> Void)?>(nil)

  /// Entries in the cache, as of the last look: decides how many keys to sample.
  let entryEstimate: Atomic<Int>

  /// A copy of what was noted, oldest first, and the share of keys that it stands for.
  func sample() -> AccessSample {
    let current = threshold.load(ordering: .relaxed)
    return log.withLock { $0.sample(threshold: current) }
  }

  /// Mean time from a miss of a sampled key to the write that followed it, as far as any was seen.
  var meanLoadTime: Duration? {
    log.withLock { $0.loadTime.count > 0 ? .nanoseconds(Int64($0.loadTime.mean)) : nil }
  }

  var distinctCount: Int { isOn ? distinctKeys.count : 0 }

  func ages() -> [UInt64] { log.withLock { $0.ages } }
}

/// Accesses of the sampled keys.
struct AccessSample: Sendable {
  var records: [AccessNote] = []
  /// Share of all keys, 0 to 1.
  var rate: Double = 1
}

/// The last some thousand accesses of sampled keys, in a ring of 8 bytes each, and how old entries were when they were hit.
struct AccessLog {
  static let capacity = 16_384
  /// Keys that a sample should have of those that fit into the cache.
  private static let wantedKeys = 1024.0
  /// One key in 16 at most while traffic is dense.
  static let hotThreshold: UInt32 = .max / 16

  private var ring: [AccessNote] = []
  private var next = 0
  private var sinceTurn = 0
  /// Hits by age: bucket n counts ages of 2^n ticks and more.
  private(set) var ages = [UInt64](repeating: 0, count: 33)

  /// Times from misses to the writes that followed, in nanoseconds.
  private(set) var loadTime = RunningMean()
  /// Misses that nothing was stored for yet.
  private var pending: [UInt32: ContinuousClock.Instant] = [:]

  private var turns = 0

  /// Soon at first, so that a cache with little traffic is described too.
  var isFull: Bool { sinceTurn >= (turns < 4 ? 64 << turns : Self.capacity / 4) }

  mutating func append(_ record: AccessNote) {
    if ring.count < Self.capacity { ring.append(record) } else { ring[next] = record }
    next = (next + 1) % Self.capacity
    sinceTurn += 1
    switch record.kind {
    case .hit: break
    case .miss:
      if pending.count >= 64 { pending.removeAll() }
      pending[record.key] = .now
    case .stored:
      if let begin = pending.removeValue(forKey: record.key) {
        loadTime.add((ContinuousClock.now - begin).secondsAsDouble * 1e9)
      }
    }
    if let bits = record.ageBits { ages[bits] += 1 }
  }

  /// Now and then: the threshold that gives as many keys as are wanted. With fewer keys the older notes are still good, without the others;
  /// for more keys they have to begin anew, so that happens only where it matters.
  mutating func turn(entries: Int, current: UInt32) -> UInt32 {
    sinceTurn = 0
    turns += 1
    let wanted = Self.threshold(entries: entries)
    guard wanted > current else { return wanted }
    guard wanted / 2 > current else { return current }
    ring.removeAll(keepingCapacity: true)
    next = 0
    return wanted
  }

  static func threshold(entries: Int) -> UInt32 {
    let share = wantedKeys / Double(max(entries, 1))
    return share >= 1.0 / 16 ? hotThreshold : max(UInt32(Double(UInt32.max) * share), 1)
  }

  func sample(threshold: UInt32) -> AccessSample {
    let ordered = ring.count < Self.capacity ? ring[...] : ring[next...] + ring[..<next]
    return AccessSample(
      records: ordered.filter { $0.key < threshold },
      rate: max(Double(threshold) / Double(UInt32.max), 1e-9))
  }
}
