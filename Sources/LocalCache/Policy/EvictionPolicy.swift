/// Which entry goes when there is no room: adaptive W-TinyLFU over lazily ordered segments.
///
/// New entries pass through a small window ordered by recency. What falls out of it competes with the victim of the main part: the one that
/// was asked for more often lately stays (Einziger, Friedman, Manes, "TinyLFU", 2017). The main part is a segmented LRU: entries that were hit
/// are protected. The size of the window follows the traffic (`ShadowCaches`).
///
/// The policy knows neither keys nor values nor locks. Its owner reports hits by `recordHit`, calls `nextVictim` until there is room, and
/// removes what it names. Every operation takes constant time on average.
@usableFromInline
package struct EvictionPolicy {
  @usableFromInline var pool: NodePool
  /// Stamp and hit in one word: what a hit adds to and stores in a node.
  @usableFromInline var stampWord: UInt32 = 0
  @usableFromInline package var hits: UInt64 = 0
  @usableFromInline package var misses: UInt64 = 0

  private var sketch: FrequencySketch
  private var window: RecencyQueue
  private var probation: RecencyQueue
  private var protected: RecencyQueue
  private var shadows: ShadowCaches?
  /// Entries of a full cache that the shadows were made for.
  private var shadowedEntries = 0
  /// Hashes of sampled accesses that the shadows have not seen yet. Full, it takes no more: the next insertion empties it.
  @usableFromInline let ring: UnsafeMutablePointer<UInt32>
  @usableFromInline var ringCount: UInt32 = 0
  /// Hashes below this are sampled.
  @usableFromInline var sampleThreshold: UInt32 = 0
  private var configuration: Configuration

  /// Greatest total weight.
  @usableFromInline package private(set) var maximum: UInt64
  package private(set) var pinnedWeight: UInt64 = 0
  package private(set) var pinnedCount: Int = 0
  private var windowShare: Double
  private var windowMaximum: UInt64 = 0
  private var protectedMaximum: UInt64 = 0

  private var insertions: UInt64 = 0
  private var fittedEntries = 0
  private var agedAt: UInt64 = 0

  package struct Configuration: Sendable {
    /// Share of the cache that the window has at first.
    package var windowShare = 0.2
    package var isAdaptive = true
    /// Whether newcomers have to be more popular than the victim.
    package var hasAdmission = true
    /// Share of the main part for entries that were hit.
    package var protectedShare = 0.8
    /// Accesses after which the sketch ages, in cache sizes.
    package var samplePeriod: UInt64 = 10
    package init() {}
  }

  package init(maximum: UInt64, configuration: Configuration = Configuration()) {
    self.init(
      maximum: maximum, configuration: configuration, stride: MemoryLayout<PolicyNode>.stride,
      alignment: MemoryLayout<PolicyNode>.alignment)
  }

  /// - Parameters:
  ///   - stride: bytes of a slot; a node is its beginning.
  ///   - alignment: of a slot.
  init(maximum: UInt64, configuration: Configuration, stride: Int, alignment: Int) {
    pool = NodePool(stride: stride, alignment: alignment)
    sketch = FrequencySketch(entries: 64)
    ring = .allocate(capacity: Int(ShadowCaches.ringCapacity))
    window = RecencyQueue(base: 0, pool: pool)
    probation = RecencyQueue(base: RecencyQueue.epochs, pool: pool)
    protected = RecencyQueue(base: RecencyQueue.epochs * 2, pool: pool)
    self.maximum = maximum
    self.configuration = configuration
    windowShare = configuration.windowShare
    resizeSegments()
  }

  /// Frees the policy's memory. It must not be used afterwards, nor copies of it: the value is a handle.
  package func deallocate() {
    pool.deallocate()
    sketch.deallocate()
    ring.deallocate()
    shadows?.deallocate()
  }

  package var weight: UInt64 { window.weight + probation.weight + protected.weight + pinnedWeight }
  package var count: Int { window.count + probation.count + protected.count + pinnedCount }
  /// Share of the cache that new entries may fill, now.
  package var currentWindowShare: Double { windowShare }

  private var stamp: UInt32 { stampWord >> 8 }

  private mutating func resizeSegments() {
    let share = min(max(windowShare, 0), 1)
    windowMaximum = min(maximum, max(1, UInt64(Double(maximum) * share)))
    protectedMaximum = UInt64(Double(maximum - windowMaximum) * configuration.protectedShare)
  }

  /// A new bound. The owner evicts what is too much.
  package mutating func setMaximum(_ maximum: UInt64) {
    self.maximum = maximum
    resizeSegments()
  }

  // MARK: Accesses

  /// A hit: one store into the node. Everything else happens when the entry comes up as a victim.
  @inlinable @inline(__always)
  package mutating func recordHit(_ id: UInt32) {
    hits &+= 1
    let node = pool.entry(id)
    let seen = node.pointee.access & 255
    node.pointee.access = stampWord | (seen < 15 ? seen &+ 1 : 15)
    let hash = node.pointee.hash
    if hash < sampleThreshold { sample(hash) }
  }

  @inlinable @inline(__always)
  mutating func sample(_ hash: UInt32) {
    guard ringCount < ShadowCaches.ringCapacity else { return }
    ring[Int(ringCount)] = hash
    ringCount &+= 1
  }

  /// A look-up that found nothing.
  @inlinable @inline(__always)
  package mutating func recordMiss() {
    misses &+= 1
  }

  /// A write to an entry that is there: recent again, but no hit.
  @usableFromInline
  package func touch(_ id: UInt32) {
    let node = pool.entry(id)
    node.pointee.access = stampWord | max(node.pointee.access & 255, 1)
  }

  // MARK: Membership

  /// Whether an entry may take this weight without anything else going.
  @usableFromInline
  package func fits(_ weight: UInt64, insteadOf id: UInt32) -> Bool {
    self.weight - pool[id].pointee.weight + weight <= maximum
  }

  @usableFromInline
  package func hasRoom(for weight: UInt64) -> Bool { self.weight + weight <= maximum }

  /// A new entry. There has to be room: see `nextVictim`. Returns its identifier.
  @usableFromInline
  package mutating func insert(hash: UInt32, weight: UInt64, pinned: Bool = false) -> UInt32 {
    let id = pool.allocate()
    let node = pool[id]
    node.pointee.hash = hash
    node.pointee.weightAndSegment = 0
    node.pointee.setWeight(weight)
    sketch.add(hash)
    if hash < sampleThreshold { sample(hash) }
    tick()
    node.pointee.access = stampWord
    if pinned {
      pinnedWeight += node.pointee.weight
      pinnedCount += 1
    } else {
      node.pointee.segment = .window
      window.append(id, stamp: stamp, pool: pool)
      // In steady state there is nothing to do here; when the window has become smaller it gives way in small steps.
      var moves = 0
      while window.weight > windowMaximum, window.count > 1, moves < 16,
        let oldest = lruFront(of: .window)
      {
        move(oldest, to: .probation, stamp: stamp)
        moves += 1
      }
    }
    return id
  }

  /// Takes an entry out; its identifier may be used again.
  @usableFromInline
  package mutating func remove(_ id: UInt32) {
    unlink(id)
    pool.release(id)
  }

  /// Forgets all entries, not the frequencies.
  package mutating func removeAll() {
    window = RecencyQueue(base: 0, pool: pool)
    probation = RecencyQueue(base: RecencyQueue.epochs, pool: pool)
    protected = RecencyQueue(base: RecencyQueue.epochs * 2, pool: pool)
    pinnedWeight = 0
    pinnedCount = 0
    fittedEntries = 0
    pool.releaseAll()
  }

  @usableFromInline
  package func weight(of id: UInt32) -> UInt64 { pool[id].pointee.weight }

  /// A value was replaced by one of another weight.
  @usableFromInline
  package mutating func setWeight(_ weight: UInt64, of id: UInt32) {
    let node = pool[id]
    let old = node.pointee.weight
    node.pointee.setWeight(weight)
    let new = node.pointee.weight
    switch node.pointee.segment {
    case .none: pinnedWeight = pinnedWeight - old + new
    case .window: window.changeWeight(from: old, to: new)
    case .probation: probation.changeWeight(from: old, to: new)
    case .protected: protected.changeWeight(from: old, to: new)
    }
  }

  @usableFromInline
  package func isPinned(_ id: UInt32) -> Bool { pool[id].pointee.segment == .none }

  /// A pinned entry counts, but is never a victim.
  @usableFromInline
  package mutating func setPinned(_ pinned: Bool, _ id: UInt32) {
    guard pinned != isPinned(id) else { return }
    if pinned {
      unlink(id)
      pool[id].pointee.segment = .none
      pinnedWeight += pool[id].pointee.weight
      pinnedCount += 1
    } else {
      pinnedWeight -= pool[id].pointee.weight
      pinnedCount -= 1
      pool[id].pointee.segment = .probation
      probation.append(id, stamp: stamp, pool: pool)
    }
  }

  // MARK: Victims

  /// The entry to remove so that one of this weight fits, or nil if it fits, or if there is nothing that may go.
  @usableFromInline
  package mutating func nextVictim(for incoming: UInt64) -> UInt32? {
    guard weight + incoming > maximum else { return nil }
    if window.count > 0,
      window.weight + incoming > windowMaximum || probation.count + protected.count == 0
    {
      guard let candidate = lruFront(of: .window) else { return mainVictim() }
      guard let victim = mainVictim() else { return candidate }
      if admits(candidate, over: victim) {
        move(candidate, to: .probation, stamp: stamp)
        return victim
      }
      return candidate
    }
    return mainVictim() ?? lruFront(of: .window)
  }

  private func admits(_ candidate: UInt32, over victim: UInt32) -> Bool {
    guard configuration.hasAdmission else { return true }
    let newcomer = sketch.estimate(pool[candidate].pointee.hash)
    let resident = sketch.estimate(pool[victim].pointee.hash)
    return newcomer > resident
  }

  /// The least recently used entry of a segment: lists are put in order as far as needed.
  private mutating func lruFront(of segment: Segment) -> UInt32? {
    while let id = front(of: segment) {
      let access = pool[id].pointee.access
      guard access & 255 != 0 else { return id }
      flushHits(id)
      guard isLaterThanFront(access >> 8, of: segment) else { return id }
      move(id, to: segment, stamp: access >> 8)
    }
    return nil
  }

  /// The victim of the main part. Entries of probation that were hit since are protected first.
  private mutating func mainVictim() -> UInt32? {
    while let id = probation.front(pool: pool) {
      let access = pool[id].pointee.access
      guard access & 255 != 0 else { return id }
      flushHits(id)
      move(id, to: .protected, stamp: access >> 8)
      while protected.weight > protectedMaximum, protected.count > 1,
        let demoted = lruFront(of: .protected)
      {
        move(demoted, to: .probation, stamp: stamp)
      }
    }
    return lruFront(of: .protected)
  }

  /// What the entry's hits were goes to the sketch.
  private mutating func flushHits(_ id: UInt32) {
    let node = pool[id]
    sketch.add(node.pointee.hash, times: node.pointee.hits)
    node.pointee.access &= ~255
  }

  private mutating func front(of segment: Segment) -> UInt32? {
    switch segment {
    case .window: window.front(pool: pool)
    case .probation: probation.front(pool: pool)
    case .protected: protected.front(pool: pool)
    case .none: nil
    }
  }

  private func isLaterThanFront(_ stamp: UInt32, of segment: Segment) -> Bool {
    switch segment {
    case .window: window.isLaterThanFront(stamp)
    case .probation: probation.isLaterThanFront(stamp)
    case .protected: protected.isLaterThanFront(stamp)
    case .none: false
    }
  }

  private mutating func unlink(_ id: UInt32) {
    switch pool[id].pointee.segment {
    case .none:
      pinnedWeight -= pool[id].pointee.weight
      pinnedCount -= 1
    case .window: window.unlink(id, pool: pool)
    case .probation: probation.unlink(id, pool: pool)
    case .protected: protected.unlink(id, pool: pool)
    }
  }

  private mutating func move(_ id: UInt32, to segment: Segment, stamp: UInt32) {
    unlink(id)
    pool[id].pointee.segment = segment
    switch segment {
    case .none: break
    case .window: window.append(id, stamp: stamp, pool: pool)
    case .probation: probation.append(id, stamp: stamp, pool: pool)
    case .protected: protected.append(id, stamp: stamp, pool: pool)
    }
  }

  // MARK: Time

  /// One insertion: time goes on, and now and then the sketch ages and the window is reconsidered.
  private mutating func tick() {
    insertions &+= 1
    stampWord = UInt32(truncatingIfNeeded: insertions) << 8
    window.advance(to: stamp, pool: pool)
    probation.advance(to: stamp, pool: pool)
    protected.advance(to: stamp, pool: pool)
    let entries = count
    if entries > fittedEntries + fittedEntries / 4 + 4 { fit(entries: entries) }
    let accesses = hits &+ misses
    if accesses &- agedAt >= UInt64(max(entries, 16)) * configuration.samplePeriod {
      agedAt = accesses
      sketch.age()
    }
    if ringCount > 0 { feedShadows() }
  }

  /// Makes the shadows when the cache is half full, and anew when it holds far more or fewer entries than they were made for.
  private mutating func fitShadows() {
    guard configuration.isAdaptive, weight > maximum / 2 else { return }
    let full = Int(min(Double(count) * Double(maximum) / Double(max(weight, 1)), 1e12))
    guard full > shadowedEntries + shadowedEntries / 2 || full < shadowedEntries / 2 else { return }
    shadowedEntries = full
    shadows?.deallocate()
    // A model is searched from end to end, so its size is also what an access costs; a large cache has enough traffic to pay for more.
    let capacity = max(16, min(full / 8, 128), min(full / 128, 512))
    shadows = ShadowCaches(capacity: capacity, share: windowShare)
    let share = min(Double(capacity) / Double(max(full, 1)), 1)
    sampleThreshold = UInt32(min(Double(UInt32.max) * share, Double(UInt32.max)))
    ringCount = 0
  }

  private mutating func feedShadows() {
    var share: Double?
    for index in 0..<Int(ringCount) {
      if let choice = shadows?.access(ring[index]) { share = choice }
    }
    ringCount = 0
    if let share, share != windowShare {
      windowShare = share
      resizeSegments()
      fitQueues()
    }
  }

  private mutating func fit(entries: Int) {
    fittedEntries = entries
    sketch.reserve(entries: entries)
    fitQueues()
    fitShadows()
  }

  private mutating func fitQueues() {
    let share = maximum == 0 ? 1 : Double(windowMaximum) / Double(maximum)
    window.fit(entries: max(1, Int(Double(fittedEntries) * share)), stamp: stamp, pool: pool)
    probation.fit(entries: fittedEntries, stamp: stamp, pool: pool)
    protected.fit(entries: fittedEntries, stamp: stamp, pool: pool)
  }
}
