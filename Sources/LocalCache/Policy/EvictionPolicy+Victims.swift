/// Who goes next.
extension EvictionPolicy {
  /// The entry to remove so that one of this weight fits, or nil if it fits, or if there is nothing that may go.
  @usableFromInline
  package mutating func nextVictim(for incoming: UInt64) -> UInt32? {
    // A shard has eight million identifiers; with tiny weights those are the bound.
    guard weight + incoming > maximum || !pool.hasRoom && incoming > 0 else { return nil }
    if isFilling { settle() }
    switch regime {
    case .queues: return queueVictim()
    case .sieve: return sieveVictim()
    case .window(let share): return share < 1 ? windowVictim(for: incoming) : leastRecent()
    }
  }

  // MARK: W-TinyLFU

  private mutating func windowVictim(for incoming: UInt64) -> UInt32? {
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
  mutating func lruFront(of segment: Segment) -> UInt32? {
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
    // Another regime may have left most entries there: newcomers would have no time on probation.
    demote()
    while let id = probation.front(pool: pool) {
      let access = pool[id].pointee.access
      guard access & 255 != 0 else { return id }
      flushHits(id)
      move(id, to: .protected, stamp: access >> 8)
      demote()
    }
    return lruFront(of: .protected)
  }

  /// What is too much in the protected segment goes back on probation: two at most, so that a change of regime is paid in small steps.
  private mutating func demote() {
    var moves = 0
    while protected.weight > protectedMaximum, protected.count > 1, moves < 2, let demoted = lruFront(of: .protected) {
      move(demoted, to: .probation, stamp: stamp)
      moves += 1
    }
  }

  /// What the entry's hits were goes to the sketch.
  private mutating func flushHits(_ id: UInt32) {
    let node = pool[id]
    sketch.add(node.pointee.hash, times: node.pointee.hits)
    counted &+= UInt64(node.pointee.hits)
    node.pointee.access &= ~255
  }

  // MARK: LRU

  /// All entries are in the window, but for what another regime had in the main part: the one whose last access is furthest back.
  private mutating func leastRecent() -> UInt32? {
    var victim: UInt32?
    var greatestAge: UInt32 = 0
    for segment in [Segment.window, .probation, .protected] {
      guard let id = lruFront(of: segment) else { continue }
      let age = (stamp &- pool[id].pointee.accessEpoch) & 0xFF_FFFF
      if victim == nil || age > greatestAge { (victim, greatestAge) = (id, age) }
    }
    return victim
  }

  // MARK: S3-FIFO

  private mutating func queueVictim() -> UInt32? {
    while window.weight >= windowMaximum || probation.count + protected.count == 0,
      let id = window.front(pool: pool)
    {
      let hits = pool[id].pointee.hits
      flushHits(id)
      guard hits > 1 else {
        ghosts.insert(pool[id].pointee.hash)
        return id
      }
      move(id, to: .protected, stamp: stamp)
    }
    return mainQueueVictim() ?? window.front(pool: pool)
  }

  /// Hits give another round. What another regime had on probation has to earn its place first.
  private mutating func mainQueueVictim() -> UInt32? {
    while let id = probation.front(pool: pool) ?? protected.front(pool: pool) {
      let rounds = min(pool[id].pointee.hits, Regime.greatestRounds)
      guard rounds > 0 else { return id }
      sketch.add(pool[id].pointee.hash, times: rounds)
      pool[id].pointee.access = pool[id].pointee.access & ~255 | (rounds - 1)
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
        guard pool[id].pointee.hits > 0 else {
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

  private mutating func front(of segment: Segment) -> UInt32? {
    switch segment {
    case .window: window.front(pool: pool)
    case .probation: probation.front(pool: pool)
    case .protected: protected.front(pool: pool)
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

  mutating func unlink(_ id: UInt32) {
    switch pool[id].pointee.segment {
    case .none:
      pinnedWeight -= pool[id].pointee.weight
    case .fresh: break
    case .window: window.unlink(id, pool: pool)
    case .probation: probation.unlink(id, pool: pool)
    case .protected: protected.unlink(id, pool: pool)
    }
  }

  mutating func move(_ id: UInt32, to segment: Segment, stamp: UInt32) {
    unlink(id)
    pool[id].pointee.segment = segment
    switch segment {
    case .none, .fresh: break
    case .window: window.append(id, stamp: stamp, pool: pool)
    case .probation: probation.append(id, stamp: stamp, pool: pool)
    case .protected: protected.append(id, stamp: stamp, pool: pool)
    }
  }
}
