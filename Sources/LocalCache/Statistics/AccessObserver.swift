import CLocalCache
import Synchronization

/// Notes a sample of the accesses, from which the verdict and the miss-ratio curve are worked out when somebody asks.
///
/// Keys are sampled by hash (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC Construction with SHARDS", FAST 2015): all accesses of a
/// sampled key are seen, none of another. Besides, each so-many-th access of any key is noted as a probe, for what few keys cannot tell: how
/// the traffic as a whole is made up. A look-up pays two comparisons, and a short note for about one in a hundred. Every miss of
/// any key goes into a HyperLogLog, so distinct keys are counted too: the first look-up of a key is a hit only if it was stored without being asked for.
@usableFromInline
final class AccessObserver: @unchecked Sendable {
  /// Sampled are hashes whose high half is below this.
  @usableFromInline let threshold: Atomic<UInt32>
  /// Accesses of a counter are probed whose number has none of these bits.
  @usableFromInline let probeMask: Atomic<UInt64>
  private let isOn: Bool
  /// Notes rest: see `NotePace`. Then one look-up in so many looks whether they are to go on.
  private let isResting = Atomic<Bool>(false)
  private static let restingMask: UInt32 = 1 << 14 - 1
  private let distinctKeys: HyperLogLog?
  /// The cache's: each has a buffer for the notes of its thread.
  private let cells: ReaderCells
  private let log: Guarded<AccessLog>
  private let loads = Guarded(LoadTimer())

  /// A small cache counts keys in less memory.
  init(isOn: Bool, _ size: SizeClass, cells: ReaderCells) {
    self.isOn = isOn
    self.cells = cells
    distinctKeys = isOn ? HyperLogLog(size) : nil
    // The log becomes larger with the cache.
    let plan = SamplingPlan(entries: 0)
    threshold = Atomic(isOn ? plan.threshold : 0)
    probeMask = Atomic(isOn ? plan.probePeriod - 1 : .max)
    log = Guarded(AccessLog(plan))
    if isOn { cells.setSampling(observedBelow: plan.threshold, probeMask: Self.mask(plan)) }
  }

  @inlinable @inline(__always)
  func observes(_ hash: UInt64) -> Bool {
    UInt32(truncatingIfNeeded: hash &>> 32) < threshold.load(ordering: .relaxed)
  }

  /// Whether an access is probed; the number is that of the counter that counts it next.
  @inlinable @inline(__always)
  func probes(_ number: UInt64) -> Bool { number & probeMask.load(ordering: .relaxed) == 0 }

  // MARK: Accesses

  /// A hit of a sampled key, by a thread that reads under its cell.
  @usableFromInline
  func hit(_ hash: UInt64, weight: UInt64, reuse: UInt8, _ cell: UnsafeMutablePointer<ReaderCell>) {
    guard isOn else { return }
    note(AccessNote(key: Self.key(hash), kind: .hit, reuse: reuse, weight: weight), in: cell, isFree: false)
  }

  /// A hit that is probed, likewise.
  @usableFromInline
  func probe(reuse: UInt8, age: UInt32?, _ cell: UnsafeMutablePointer<ReaderCell>) {
    guard isOn else { return }
    note(AccessNote(probe: reuse, age: age), in: cell, isFree: false)
  }

  /// A hit that is sampled, probed, or both. May be called under locks of the cache.
  @usableFromInline @inline(never)
  func hit(_ hash: UInt64, number: UInt64, weight: UInt64, reuse: UInt8, age: () -> UInt32) {
    guard isOn else { return }
    if observes(hash) { note(AccessNote(key: Self.key(hash), kind: .hit, reuse: reuse, weight: weight)) }
    // The clock is read for one probe in eight: that is enough for the ages.
    if probes(number) { note(AccessNote(probe: reuse, age: probes(number &>> 3) ? age() : nil)) }
  }

  /// A miss. To be called without locks of the cache.
  @usableFromInline
  func missed(_ hash: UInt64, number: UInt64) {
    guard isOn else { return }
    distinctKeys?.add(hash)
    if probes(number) { note(AccessNote(probe: ReuseClass.miss)) }
    guard observes(hash) else { return }
    loads.withLock { $0.missed(Self.key(hash)) }
    note(AccessNote(key: Self.key(hash), kind: .miss), isFree: true)
  }

  /// A write, perhaps of what the cache itself has loaded. To be called without locks of the cache.
  @usableFromInline
  func stored(_ hash: UInt64, weight: UInt64, isLoaded: Bool = false) {
    guard isOn, observes(hash) else { return }
    loads.withLock { $0.stored(Self.key(hash), isOwn: isLoaded) }
    note(AccessNote(key: Self.key(hash), kind: .stored, weight: weight), isFree: true)
  }

  /// The program removed a key. To be called without locks of the cache.
  @usableFromInline
  func removed(_ hash: UInt64) {
    guard isOn, observes(hash) else { return }
    note(AccessNote(key: Self.key(hash), kind: .removed), isFree: true)
  }

  private static func key(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash &>> 32) }

  // MARK: The log

  /// Notes wait in the thread's cell, in their order, until there are some.
  private func note(_ note: AccessNote, isFree: Bool = false) {
    guard let cell = cells.own else {
      return isResting.load(ordering: .relaxed) ? goOnIfDue() : pass(isFree: isFree) { $0.append(note) }
    }
    self.note(note, in: cell, isFree: isFree)
  }

  @inline(__always)
  private func note(_ note: AccessNote, in cell: UnsafeMutablePointer<ReaderCell>, isFree: Bool) {
    guard !isResting.load(ordering: .relaxed) else { return goOnIfDue() }
    let buffer = ReaderCell.notes(of: cell)
    buffer.pointee.append(note)
    if buffer.pointee.isFull { drain(buffer, isFree: isFree) }
  }

  @inline(never)
  private func drain(_ buffer: UnsafeMutablePointer<NoteBuffer>, isFree: Bool) {
    pass(isFree: isFree) { log in buffer.pointee.drain { log.append($0) } }
  }

  /// - Parameter isFree: whether the cache may be asked, because its locks are free.
  private func pass(isFree: Bool, _ body: (inout AccessLog) -> Void) {
    let isTurnDue = log.withLock { log in
      body(&log)
      let isTurnDue = log.isTurnDue(canCount: isFree)
      // A turn may find that more is to be noted.
      if !isTurnDue { restIfDue(&log) }
      return isTurnDue
    }
    guard isTurnDue else { return }
    if isFree, let entries = owner?.count { entryEstimate.store(entries, ordering: .relaxed) }
    log.withLock { log in
      if log.isTurnDue(canCount: isFree) { turn(&log) }
      restIfDue(&log)
    }
  }

  private func turn(_ log: inout AccessLog) {
    log.turn(SamplingPlan(entries: entryEstimate.load(ordering: .relaxed)))
    setSampling(log.plan)
    owner?.observerTurned()
  }

  private func restIfDue(_ log: inout AccessLog) {
    if log.isRestDue(now: localcache_nanoseconds()) { setResting(true, log.plan) }
  }

  private func setResting(_ rests: Bool, _ plan: SamplingPlan) {
    isResting.store(rests, ordering: .relaxed)
    setSampling(plan)
    if rests { loads.withLock { $0.rest() } }
  }

  @inline(never)
  private func goOnIfDue() {
    let now = localcache_nanoseconds()
    let goesOn = log.withLock { log in
      guard isResting.load(ordering: .relaxed), log.isToGoOn(now: now) else { return false }
      setResting(false, log.plan)
      return true
    }
    if goesOn { owner?.setSampling() }
  }

  /// What readers look at. Under the log's lock.
  private func setSampling(_ plan: SamplingPlan) {
    let isResting = isResting.load(ordering: .relaxed)
    let below = isResting ? 0 : plan.threshold
    let mask = isResting ? max(Self.restingMask, Self.mask(plan)) : Self.mask(plan)
    threshold.store(below, ordering: .relaxed)
    probeMask.store(UInt64(mask), ordering: .relaxed)
    cells.setSampling(observedBelow: below, probeMask: mask)
  }

  private static func mask(_ plan: SamplingPlan) -> UInt32 { UInt32(clamping: plan.probePeriod - 1) }

  private struct Owner {
    weak var cache: (any ObservedCache)?
  }
  private let ownerReference = Guarded(Owner())

  /// The cache, as long as it is there.
  var owner: (any ObservedCache)? {
    get { ownerReference.withLock { $0.cache } }
    set { ownerReference.withLock { $0.cache = newValue } }
  }

  /// Entries in the cache, as of the last look: decides how many keys to sample.
  let entryEstimate = Atomic<Int>(0)

  // MARK: What was seen

  /// A copy of what was noted, and the share of keys that it stands for.
  func sample() -> AccessSample { log.withLock { $0.sample() } }

  /// Mean time of a load: of those that the cache ran, which it knows, and of the time from a miss of a sampled key to the write by the program that followed
  /// it, in the shares that they have among sampled misses. Nil if there was neither.
  func meanLoadTime(own: Duration?) -> Duration? { loads.withLock { $0.mean(own: own) } }

  var distinctCount: Int { distinctKeys?.count ?? 0 }

  func ages() -> [UInt64] { log.withLock { $0.ages } }
}

/// What an observer asks of its cache, and tells it.
protocol ObservedCache: AnyObject, Sendable {
  /// The number of entries. Asked without locks of the cache.
  var count: Int { get }
  /// More is sampled than before. May be called under locks of the cache.
  func setSampling()
  /// Some thousand notes have come since the last time. May be called under locks of the cache.
  func observerTurned()
}
