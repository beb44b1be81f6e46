/// What a cache knows of its memory beyond the entries.
struct MemoryState: Sendable {
  var estimate = HoleEstimate()
  var nextShard = 0
  /// The most that the entries took since pages were last returned, in units.
  var highest: UInt64 = 0
  var insertions: UInt64 = 0
}

extension LocalCache {
  /// What the limit stands for in the memory of the process: entries, and holes between them. Takes every shard's lock for a moment.
  public var footprint: CacheFootprint {
    let entries = weight
    let ratio = memory.withLock { $0.estimate.ratio }
    return CacheFootprint(
      entries: entries, holes: Int(Double(entries) * ratio), heldBack: Int(clamping: bound.heldBack * bound.unit))
  }

  /// Looks at the holes between some of the entries, changes by a little what the cache may hold, and returns pages to the system if that pays. The cache
  /// does this itself every few seconds, as far as `Configuration.memory` says so.
  public func tendMemory() {
    guard keepsMemory else { return }
    if configuration.memory.countsHoles {
      for _ in 0..<4 { sampleHoles() }
      adjustBound()
    }
    if configuration.memory.returnsPages { returnPages() }
  }

  /// Whether there is anything to tend: many megabytes in blocks of glibc.
  var keepsMemory: Bool {
    limit.unit == .bytes && limit.amount >= 16 << 20 && sizer.estimator?.isTrivial == false && GlibcChunk.isUsed
      && (configuration.memory.countsHoles || configuration.memory.returnsPages)
  }

  /// Starts the task that tends the memory: it sleeps, holds the cache weakly, and ends with it.
  func startTendingMemory() {
    guard keepsMemory else { return }
    memoryTask.start { [weak self] in
      var pause = Duration.seconds(5)
      while (try? await Task.sleep(for: pause)) != nil {
        guard let self else { return }
        tendMemory()
        // An idle cache is left alone more and more.
        pause = hasChanged() ? .seconds(5) : min(pause * 2, .seconds(60))
      }
    }
  }

  /// Whether entries were stored or left since the last call.
  private func hasChanged() -> Bool {
    var now: UInt64 = 0
    for index in 0...shardMask {
      reading(shard(at: index)) { now &+= $0.pointee.counters.changes }
    }
    return memory.withLock { state in
      defer { state.insertions = now }
      return state.insertions != now
    }
  }

  /// Looks at up to 64 entries of the next shard. Their values are copied while nobody writes, and walked later.
  private func sampleHoles() {
    let index = memory.withLock { state in
      state.nextShard = (state.nextShard + 1) & shardMask
      return state.nextShard
    }
    let sample = reading(shard(at: index)) { $0.pointee.randomEntries(64) }
    var (bytes, holes) = (0, GlibcChunk.Hole())
    for (key, value) in sample {
      guard let found = sizer.estimator?.holes(key, value) else { continue }
      bytes += found.bytes
      holes.bytes += found.holes.bytes
      holes.pages += found.holes.pages
      // A few large values say as much as many small ones.
      if bytes > 4 << 20 { break }
    }
    memory.withLock { $0.estimate.add(blocks: bytes, holes: holes) }
  }

  private func adjustBound() {
    let entries = UInt64(clamping: weight) / bound.unit
    let ratio = memory.withLock { $0.estimate.ratio }
    let heldBack = HoleEstimate.heldBack(
      limit: bound.maximum, entries: entries, holes: UInt64(Double(entries) * min(ratio, 16)), before: bound.heldBack)
    if heldBack != bound.heldBack { holdBack(heldBack) }
  }

  /// Where a lot was let go, or lies in whole pages between the entries.
  private func returnPages() {
    let entries = UInt64(clamping: weight) / bound.unit
    let pays = memory.withLock { state -> Bool in
      state.highest = max(state.highest, entries)
      let free = max(state.highest - entries, UInt64(Double(entries) * min(state.estimate.pageRatio, 16)))
      return free >= bound.maximum / 8 && free * bound.unit >= 16 << 20
    }
    if pays, HeapTrim.run() { memory.withLock { $0.highest = entries } }
  }
}

extension Shard {
  /// Some entries at random. Time is bounded by their number, not by that of all entries: writers wait meanwhile.
  fileprivate func randomEntries(_ count: Int) -> [(Key, Value)] {
    let pool = policy.pool
    guard pool.highWater > NodePool.reserved else { return [] }
    var entries: [(Key, Value)] = []
    // Identifiers that are free at present are passed over; where most are, there are few entries, and little to measure.
    for _ in 0..<2 * count where entries.count < count {
      let id = UInt32.random(in: NodePool.reserved..<pool.highWater)
      guard pool[id].pointee.isInUse else { continue }
      entries.append((table[id].pointee.key, table[id].pointee.value))
    }
    return entries
  }
}

extension ShardCounters {
  /// Values that came and went.
  fileprivate var changes: UInt64 { insertions &+ expired &+ evicted &+ replaced &+ explicit }
}
