import Synchronization

/// Which entry goes when there is no room: the regime that suits the traffic, over lazily ordered segments.
///
/// New entries come into the window, or the small queue; what earns it stays in the main part. How it is earned depends on the `Regime`:
/// W-TinyLFU with windows of several sizes, of which the largest is LRU, S3-FIFO, or SIEVE. Miniatures of the cache say which hits most
/// (`ShadowCaches`). Until the cache is full for the first time there are no lists at all (`settle`).
///
/// The policy knows neither keys nor values nor locks. Its owner reports hits by `recordHit`, calls `nextVictim` until there is room, and
/// removes what it names. Every operation takes constant time on average. Not copyable: it is part of a shard, and a copy for each call would be
/// dear.
@usableFromInline
package struct EvictionPolicy: ~Copyable {
  @usableFromInline var pool: NodePool
  /// Stamp and hit in one word: what a hit adds to and stores in a node.
  @usableFromInline var stampWord: UInt32 = 0
  /// Written under the owner's lock, also beside threads that read together.
  @usableFromInline let hitCount = Atomic<UInt64>(0)
  @usableFromInline let missCount = Atomic<UInt64>(0)

  var sketch: FrequencySketch
  var ghosts: GhostTable
  var window: RecencyQueue
  var probation: RecencyQueue
  var protected: RecencyQueue
  /// In memory of their own: a shard that is not nearly full has none.
  private var shadows: UnsafeMutablePointer<ShadowCaches>?
  /// Entries of a full cache that the shadows were made for.
  private var shadowedEntries = 0
  /// Hashes of sampled accesses that the shadows have not seen yet.
  @usableFromInline var ring = SampleRing.none
  /// Hashes below this are sampled.
  @usableFromInline var sampleThreshold: UInt32 = 0
  let configuration: Configuration

  /// Greatest total weight.
  @usableFromInline package private(set) var maximum: UInt64
  /// Of all entries.
  @usableFromInline package internal(set) var weight: UInt64 = 0
  package internal(set) var count: Int = 0
  @usableFromInline package internal(set) var pinnedWeight: UInt64 = 0
  /// Whether there was always room since the cache was empty: then no entry is in a list. See `settle`.
  var isFilling = true
  /// Entries from which on the shadows are looked at again while it fills.
  var countToLook = 0
  package private(set) var regime: Regime
  var windowMaximum: UInt64 = 0
  var protectedMaximum: UInt64 = 0
  /// The entry of the window whose insertion the sketch has counted already, or 0: see `leaveWindow`.
  var countedCandidate: UInt32 = 0
  /// The victim that newcomers were compared with last, and how popular it is: mostly they lose, and it stays the next to go.
  var compared: (hash: UInt32, estimate: UInt32) = (0, 0)
  /// Whether the regime has ghosts.
  private var hasGhosts = false
  /// For SIEVE: which of the two older pieces of the queue the hand has still to pass.
  var isHandInProtected = false

  private var insertions: UInt64 = 0
  var fittedEntries = 0
  /// Entries from which on lists and sketch are made for more.
  private var countToFit = 0
  /// Bits of `stampWord` that are 0 where an epoch of the shortest kind begins.
  private var epochMask: UInt32 = 0
  /// Accesses that went into the sketch since it aged.
  var counted: UInt64 = 0

  package struct Configuration: Sendable {
    /// How it decides at first.
    package var regime = Regime.window(0.2)
    /// Whether the traffic chooses the regime.
    package var isAdaptive = true
    /// Whether newcomers have to be more popular than the victim.
    package var hasAdmission = true
    /// Share of the main part for entries that were hit.
    package var protectedShare = 0.8
    /// Counted accesses after which the sketch ages, in cache sizes.
    package var samplePeriod: UInt64 = 10
    /// For a miniature: how many entries a cache has for each of its own. Its sketch is as full as that cache's.
    var scale = 1.0
    package init() {}

    /// What the sketch of so many entries is made for; rounded to whole blocks in a miniature, where that matters.
    func sketchEntries(for entries: Int) -> Int {
      guard scale > 1 else { return EvictionPolicy.sketchEntries(for: entries) }
      let modelled = EvictionPolicy.sketchEntries(for: Int(min(Double(entries) * scale, 1e9)))
      return Int(Double(modelled) / scale) + FrequencySketch.entriesPerBlock / 2
    }
  }

  package init(maximum: UInt64, configuration: Configuration = Configuration()) {
    self.init(
      maximum: maximum, configuration: configuration, stride: MemoryLayout<EntryUse>.stride,
      alignment: MemoryLayout<PolicyNode>.alignment)
  }

  /// - Parameters:
  ///   - stride: bytes of a slot; an `EntryUse` is its beginning.
  ///   - alignment: of a slot, and 8 at least.
  init(maximum: UInt64, configuration: Configuration, stride: Int, alignment: Int) {
    pool = NodePool(stride: stride, alignment: alignment)
    sketch = FrequencySketch(entries: 1)
    ghosts = GhostTable(entries: 1)
    window = RecencyQueue(base: 0)
    probation = RecencyQueue(base: RecencyQueue.epochs)
    protected = RecencyQueue(base: RecencyQueue.epochs * 2)
    self.maximum = maximum
    self.configuration = configuration
    regime = configuration.regime
    resizeSegments()
  }

  /// Frees the policy's memory. It must not be used afterwards, nor copies of it: the value is a handle.
  package func deallocate() {
    pool.deallocate()
    sketch.deallocate()
    ghosts.deallocate()
    ring.deallocate()
    freeShadows()
  }

  private func freeShadows() {
    guard let shadows else { return }
    shadows.pointee.deallocate()
    shadows.deinitialize(count: 1)
    shadows.deallocate()
  }

  /// Share of the cache that new entries may fill, now.
  package var currentWindowShare: Double { regime.windowShare }

  var stamp: UInt32 { stampWord &>> 8 }

  private mutating func resizeSegments() {
    hasGhosts = regime == .queues
    windowMaximum = min(maximum, max(1, UInt64(Double(maximum) * regime.windowShare)))
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
  package func recordHit(_ id: UInt32) {
    hitCount.store(hits &+ 1, ordering: .relaxed)
    markHit(pool.sharedAccess(id))
    sampleAccess(pool[id].pointee.hash)
  }

  /// Notes the use in the entry. Threads that read together may call this at the same time: a hit may get lost, and a popular entry is not
  /// written at all as long as nothing new comes in.
  @inlinable @inline(__always)
  func markHit(_ access: UnsafeMutablePointer<Atomic<UInt32>>) {
    let old = access.pointee.load(ordering: .relaxed)
    let seen = old & 255
    // Without a branch, which could not be foretold before the entry has arrived.
    let new = stampWord | (seen &+ (seen &- 15) &>> 31)
    if new != old { access.pointee.store(new, ordering: .relaxed) }
  }

  /// Tells the models of an access, if the key is one of theirs.
  @inlinable @inline(__always)
  func sampleAccess(_ hash: UInt32) {
    if hash < sampleThreshold { ring.add(hash) }
  }

  /// Accesses of hashes below this are taken now.
  @usableFromInline
  var sampledBelow: UInt32 { ring.isFull ? 0 : sampleThreshold }

  /// A look-up that found nothing.
  @inlinable @inline(__always)
  package func recordMiss() {
    missCount.store(misses &+ 1, ordering: .relaxed)
  }

  @inlinable @inline(__always) package var hits: UInt64 { hitCount.load(ordering: .relaxed) }
  @inlinable @inline(__always) package var misses: UInt64 { missCount.load(ordering: .relaxed) }

  /// A write to an entry that is there: recent again, but no hit.
  @usableFromInline
  package func touch(_ id: UInt32) {
    let access = pool.sharedAccess(id)
    access.pointee.store(stampWord | max(access.pointee.load(ordering: .relaxed) & 255, 1), ordering: .relaxed)
  }

  // MARK: Membership

  /// Whether an entry may take this weight without anything else going.
  @inlinable @inline(__always)
  package func fits(_ weight: UInt64, insteadOf id: UInt32) -> Bool {
    weight <= PolicyNode.maximumWeight && self.weight &- self.weight(of: id) &+ weight <= maximum
  }

  /// Whether an entry of this weight can be made room for at all, in place of another.
  @inlinable @inline(__always)
  package func canHold(_ weight: UInt64, insteadOf id: UInt32?) -> Bool {
    var pinned = pinnedWeight
    if let id, isPinned(id) { pinned &-= self.weight(of: id) }
    return weight <= PolicyNode.maximumWeight && weight &+ pinned <= maximum
  }

  /// Whether an entry of this weight, which `canHold` allows, goes in without another going.
  @inlinable @inline(__always)
  package func hasRoom(for weight: UInt64) -> Bool { self.weight &+ weight <= maximum && pool.hasRoom }

  /// A new entry. There has to be room: see `nextVictim`. Returns its identifier. `written` is kept for the owner.
  @usableFromInline
  package mutating func insert(hash: UInt32, weight: UInt64, pinned: Bool = false, written: UInt32 = 0) -> UInt32 {
    tick()
    sampleAccess(hash)
    let segment: Segment = pinned ? .none : isFilling ? .fresh : .window
    let id = pool.allocate(
      PolicyNode(hash: hash, weight: weight, segment: segment), EntryUse(written: written, access: stampWord))
    let weight = min(weight, PolicyNode.maximumWeight)
    self.weight &+= weight
    count &+= 1
    if pinned { pinnedWeight &+= weight }
    if isFilling {
      if count >= countToLook { lookAhead() }
    } else {
      grow()
      if !pinned { place(id, hash: hash) }
    }
    if ring.isWorthEmptying { feedShadows() }
    return id
  }

  /// Puts a new entry where new ones go.
  @inline(__always)
  mutating func place(_ id: UInt32, hash: UInt32) {
    if hasGhosts, ghosts.remove(hash) {
      sketch.add(hash)
      pool[id].pointee.segment = .protected
      protected.append(id, stamp: stamp, pool: pool.nodes)
      return
    }
    window.append(id, stamp: stamp, pool: pool.nodes)
    // In steady state there is nothing to do here.
    if !hasGhosts, window.weight > windowMaximum { shrinkWindow() }
  }

  /// When the window has become smaller it gives way in small steps.
  @inline(never)
  private mutating func shrinkWindow() {
    var moves = 0
    while window.weight > windowMaximum, window.count > 1, moves < 16, let oldest = lruFront(of: .window) {
      move(oldest, to: .probation, stamp: stamp)
      moves += 1
    }
  }

  /// Forgets all entries, not the frequencies.
  mutating func removeAll() -> NodePool.Chunks {
    if !isFilling { emptyQueues() }
    isFilling = true
    countToLook = 0
    weight = 0
    count = 0
    pinnedWeight = 0
    countedCandidate = 0
    fittedEntries = 0
    countToFit = 0
    return pool.takeAll()
  }

  /// Threads that read together may call this at the same time: it reads its own word of the node, not those that hits change.
  @inlinable @inline(__always)
  package func weight(of id: UInt32) -> UInt64 { UInt64(pool[id].pointee.weightAndSegment >> 4) }

  /// A value was replaced by one of another weight.
  @usableFromInline
  package mutating func setWeight(_ weight: UInt64, of id: UInt32) {
    let node = pool[id]
    let old = node.pointee.weight
    node.pointee.setWeight(weight)
    let new = node.pointee.weight
    self.weight = self.weight - old + new
    switch node.pointee.segment {
    case .none: pinnedWeight = pinnedWeight - old + new
    case .fresh: break
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
    } else if isFilling {
      unlink(id)
      pool[id].pointee.segment = .fresh
    } else {
      move(id, to: .probation, stamp: stamp)
    }
  }

  // MARK: Time

  /// One insertion: time goes on.
  @inline(__always)
  mutating func tick() {
    insertions &+= 1
    stampWord = UInt32(truncatingIfNeeded: insertions) << 8
  }

  /// What time brings where entries are in lists: now and then they are counted anew, and the sketch ages.
  @inline(__always)
  mutating func grow() {
    if stampWord & epochMask == 0 { advance() }
    if count >= countToFit { fit(entries: count) }
    if counted >= UInt64(truncatingIfNeeded: max(count, 16)) &* configuration.samplePeriod {
      counted = 0
      sketch.age()
      compared.estimate /= 2
    }
  }

  /// The shortest epoch of the lists is over.
  @inline(never)
  mutating func advance() {
    window.advance(to: stamp, pool: pool.nodes)
    probation.advance(to: stamp, pool: pool.nodes)
    protected.advance(to: stamp, pool: pool.nodes)
  }

  /// Makes the shadows when the cache begins to fill, and anew when it holds far more or fewer entries than they were made for. Later would take less of a cache
  /// that never fills, but some traffic tells itself apart only then: a trace of which 33 % hit in 90 entries hit 2 to 25 where they came half-way.
  mutating func fitShadows() {
    guard configuration.isAdaptive, weight > maximum / 8 else { return }
    let full = Int(min(Double(count) * Double(maximum) / Double(max(weight, 1)), 1e12))
    guard full > shadowedEntries + shadowedEntries / 2 || full < shadowedEntries / 2 else { return }
    shadowedEntries = full
    freeShadows()
    var models = ShadowCaches(entries: full, regime: regime)
    let share = min(Double(models.capacity) / Double(max(full, 1)), 1)
    if ring.isNone { ring = SampleRing() }
    sampleThreshold = UInt32(min(Double(UInt32.max) * share, Double(UInt32.max)))
    ring.removeAll()
    // What is there already, in its order.
    visitInOrder { hash in
      if hash < sampleThreshold { models.seed(hash) }
    }
    shadows = .allocate(capacity: 1)
    shadows?.initialize(to: models)
  }

  @inline(never)
  mutating func feedShadows() {
    var choice: Regime?
    for index in 0..<ring.count {
      if let better = shadows?.pointee.access(ring[index]) { choice = better }
    }
    ring.removeAll()
    if let choice, choice != regime { change(to: choice) }
  }

  /// Decides in another way from now on, over the lists as they are.
  mutating func change(to regime: Regime) {
    self.regime = regime
    resizeSegments()
    // Only that regime has ghosts.
    if hasGhosts { ghosts.reserve(entries: fittedEntries) }
    if !isFilling { fitQueues() }
  }

  mutating func fit(entries: Int) {
    fittedEntries = entries
    countToFit = entries + entries / 4 + 5
    sketch.reserve(entries: configuration.sketchEntries(for: entries))
    if hasGhosts { ghosts.reserve(entries: entries) }
    fitQueues()
    fitShadows()
  }

  /// Few entries see many keys pass: a sketch for them alone would be full of those.
  static func sketchEntries(for entries: Int) -> Int { max(entries, min(entries * 8, 512)) }

  private mutating func fitQueues() {
    let share = maximum == 0 ? 1 : Double(windowMaximum) / Double(maximum)
    window.fit(entries: max(1, Int(Double(fittedEntries) * share)), stamp: stamp, pool: pool.nodes)
    probation.fit(entries: fittedEntries, stamp: stamp, pool: pool.nodes)
    protected.fit(entries: fittedEntries, stamp: stamp, pool: pool.nodes)
    epochMask = min(window.epochMask, min(probation.epochMask, protected.epochMask)) &<< 8
  }
}
