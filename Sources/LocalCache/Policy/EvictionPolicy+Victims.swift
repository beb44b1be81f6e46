/// Who goes next.
extension EvictionPolicy {
  /// The entry to remove so that one of this weight fits, or nil if it fits, or if there is nothing that may go.
  @usableFromInline
  package mutating func nextVictim(for incoming: UInt64) -> UInt32? {
    // A shard has eight million identifiers; with weights of nearly nothing, or nothing, those are the bound.
    guard weight &+ incoming > maximum || !pool.hasRoom else { return nil }
    if isFilling { settle() }
    switch regime {
    case .queues: return queueVictim()
    case .sieve: return sieveVictim()
    case .window(let share): return share < 1 ? windowVictim(for: incoming) : leastRecent()
    }
  }

  // MARK: W-TinyLFU

  @inline(__always)
  private mutating func windowVictim(for incoming: UInt64) -> UInt32? {
    if window.count > 0,
      window.weight &+ incoming > windowMaximum || probation.count | protected.count == 0
    {
      let front = lruFront(of: .window)
      guard let victim = mainVictim() else { return front }
      guard let candidate = front else { return victim }
      guard admits(candidate, over: victim) else { return candidate }
      let next = successor(of: candidate)
      move(candidate, to: .probation, stamp: stamp)
      if next != 0 { prefetch(forVictim: next) }
      return victim
    }
    return mainVictim() ?? lruFront(of: .window)
  }

  /// Counts the candidate's insertion, so that the sketch is looked at once for both.
  @inline(__always)
  private mutating func admits(_ candidate: UInt32, over victim: UInt32) -> Bool {
    let newcomer = countedCandidate == candidate ? sketch.estimate(pool[candidate].pointee.hash) : count(candidate)
    countedCandidate = candidate
    let resident = pool[victim].pointee.hash
    if resident != compared.hash { compared = (resident, sketch.estimate(resident)) }
    return newcomer > compared.estimate || !configuration.hasAdmission
  }

  /// Insertions are counted when entries leave the window: nobody asks how popular they are before, and by then their counters have to be looked at anyway.
  @inline(__always)
  private mutating func leaveWindow(_ id: UInt32) {
    if id != countedCandidate { count(id) }
    countedCandidate = 0
  }

  @inline(__always)
  @discardableResult
  private mutating func count(_ id: UInt32) -> UInt32 {
    counted &+= 1
    return sketch.add(pool[id].pointee.hash)
  }

  /// The least recently used entry of a segment: lists are put in order as far as needed.
  @inline(__always)
  mutating func lruFront(of segment: Segment) -> UInt32? {
    guard let id = front(of: segment) else { return nil }
    return pool.use(id).pointee.hits == 0 ? id : lruFrontSlowly(of: segment)
  }

  @inline(never)
  private mutating func lruFrontSlowly(of segment: Segment) -> UInt32? {
    while let id = front(of: segment) {
      let access = pool.use(id).pointee.access
      guard access & 255 != 0 else { return id }
      flushHits(id)
      guard isLaterThanFront(access >> 8, of: segment) else { return id }
      detach(id)
      append(id, to: segment, stamp: access >> 8)
    }
    return nil
  }

  /// The victim of the main part. Entries of probation that were hit since are protected first.
  @inline(__always)
  private mutating func mainVictim() -> UInt32? {
    // Another regime may have left most entries there: newcomers would have no time on probation.
    demote()
    if let id = probation.front(pool: pool.nodes), pool.use(id).pointee.hits == 0 { return id }
    return mainVictimSlowly()
  }

  @inline(never)
  private mutating func mainVictimSlowly() -> UInt32? {
    while let id = probation.front(pool: pool.nodes) {
      let access = pool.use(id).pointee.access
      guard access & 255 != 0 else { return id }
      flushHits(id)
      move(id, to: .protected, stamp: access >> 8)
      demote()
    }
    return lruFront(of: .protected)
  }

  /// What is too much in the protected segment goes back on probation: two at most, so that a change of regime is paid in small steps.
  @inline(__always)
  private mutating func demote() {
    if protected.weight > protectedMaximum { demoteSlowly() }
  }

  @inline(never)
  private mutating func demoteSlowly() {
    var moves = 0
    while protected.weight > protectedMaximum, protected.count > 1, moves < 2, let demoted = lruFront(of: .protected) {
      move(demoted, to: .probation, stamp: stamp)
      moves += 1
    }
  }

  /// What the entry's hits were goes to the sketch.
  private mutating func flushHits(_ id: UInt32) {
    let hash = pool[id].pointee.hash
    let use = pool.use(id)
    let estimate = sketch.add(hash, times: use.pointee.hits)
    if hash == compared.hash { compared.estimate = estimate }
    counted &+= UInt64(use.pointee.hits)
    use.pointee.access &= ~255
  }

  // MARK: LRU

  /// All entries are in the window, but for what another regime had in the main part: the one whose last access is furthest back.
  private mutating func leastRecent() -> UInt32? {
    var victim: UInt32?
    var greatestAge: UInt32 = 0
    for segment in [Segment.window, .probation, .protected] {
      guard let id = lruFront(of: segment) else { continue }
      let age = (stamp &- pool.use(id).pointee.accessEpoch) & 0xFF_FFFF
      if victim == nil || age > greatestAge { (victim, greatestAge) = (id, age) }
    }
    return victim
  }

  // MARK: S3-FIFO

  private mutating func queueVictim() -> UInt32? {
    while window.weight >= windowMaximum || probation.count + protected.count == 0,
      let id = window.front(pool: pool.nodes)
    {
      let hits = pool.use(id).pointee.hits
      flushHits(id)
      guard hits > 1 else {
        ghosts.insert(pool[id].pointee.hash)
        return id
      }
      move(id, to: .protected, stamp: stamp)
    }
    return mainQueueVictim() ?? window.front(pool: pool.nodes)
  }

  /// Hits give another round. What another regime had on probation has to earn its place first.
  private mutating func mainQueueVictim() -> UInt32? {
    while let id = probation.front(pool: pool.nodes) ?? protected.front(pool: pool.nodes) {
      let rounds = min(pool.use(id).pointee.hits, Regime.greatestRounds)
      guard rounds > 0 else { return id }
      sketch.add(pool[id].pointee.hash, times: rounds)
      pool.use(id).pointee.access = pool.use(id).pointee.access & ~255 | (rounds - 1)
      move(id, to: .protected, stamp: stamp)
    }
    return nil
  }

  // MARK: SIEVE

  /// The queue in three pieces: what the hand has still to pass, what came in meanwhile, and what it has passed. Evicts what SIEVE evicts.
  private mutating func sieveVictim() -> UInt32? {
    while true {
      let (ahead, passed) = isHandInProtected ? (Segment.protected, Segment.probation) : (.probation, .protected)
      if let id = front(of: ahead) ?? front(of: .window) {
        guard pool.use(id).pointee.hits > 0 else {
          // With the newest the hand is at the end and begins anew, ahead of what comes in then.
          if window.count + (isHandInProtected ? protected.count : probation.count) == 1 { isHandInProtected.toggle() }
          return id
        }
        flushHits(id)
        move(id, to: passed, stamp: stamp)
      } else {
        guard front(of: passed) != nil else { return nil }
        isHandInProtected.toggle()
      }
    }
  }

  // MARK: Lists

  @inline(__always)
  private mutating func front(of segment: Segment) -> UInt32? {
    switch segment {
    case .window: window.front(pool: pool.nodes)
    case .probation: probation.front(pool: pool.nodes)
    case .protected: protected.front(pool: pool.nodes)
    case .none, .fresh: nil
    }
  }

  private func isLaterThanFront(_ stamp: UInt32, of segment: Segment) -> Bool {
    switch segment {
    case .window: window.isLaterThanFront(stamp)
    case .probation: probation.isLaterThanFront(stamp)
    case .protected: protected.isLaterThanFront(stamp)
    case .none, .fresh: false
    }
  }

  /// Takes an entry out of its segment, for good or for another one.
  @inline(__always)
  mutating func unlink(_ id: UInt32) {
    if pool[id].pointee.segment == .window { leaveWindow(id) }
    detach(id)
  }

  @inline(__always)
  private mutating func detach(_ id: UInt32) {
    switch pool[id].pointee.segment {
    case .none: pinnedWeight &-= pool[id].pointee.weight
    case .fresh: break
    case .window: window.unlink(id, pool: pool.nodes)
    case .probation: probation.unlink(id, pool: pool.nodes)
    case .protected: protected.unlink(id, pool: pool.nodes)
    }
  }

  mutating func move(_ id: UInt32, to segment: Segment, stamp: UInt32) {
    unlink(id)
    pool[id].pointee.segment = segment
    append(id, to: segment, stamp: stamp)
  }

  private mutating func append(_ id: UInt32, to segment: Segment, stamp: UInt32) {
    switch segment {
    case .none, .fresh: break
    case .window: window.append(id, stamp: stamp, pool: pool.nodes)
    case .probation: probation.append(id, stamp: stamp, pool: pool.nodes)
    case .protected: protected.append(id, stamp: stamp, pool: pool.nodes)
    }
  }
}
