import Synchronization

/// What a cache knows of its memory beyond the entries.
struct MemoryState: Sendable {
  var estimate = HoleEstimate()
  /// Holes before the cache's own tables.
  var tableHoles = GlibcChunk.Hole()
  var nextShard = 0
  /// The most that the entries took since pages were last returned, in units.
  var highest: UInt64 = 0
  /// Values that had come and gone at the last look.
  var changes: UInt64 = 0
}

/// That, and the task that tends it: of caches whose limit is in bytes and whose entries lead to blocks.
final class MemoryTending: Sendable {
  let state = Guarded(MemoryState())
  let task = Sweeper()
}

extension LocalCache {
  /// What the limit stands for in the memory of the process: entries, and holes between them. Takes every shard's lock for a moment.
  public var footprint: CacheFootprint {
    let entries = weight
    return CacheFootprint(
      entries: entries, holes: memory?.state.withLock { $0.holes(entries) } ?? 0,
      heldBack: Int(clamping: bound.heldBack * bound.unit))
  }

  /// Looks at the holes between some of the entries, changes by a little what the cache may hold, and returns pages to the system if that pays. The cache
  /// does this itself every few seconds, as far as `Configuration.memory` says so.
  public func tendMemory() {
    guard let memory, keepsMemory else { return }
    if configuration.memory.countsHoles {
      for _ in 0..<4 { sampleHoles(memory) }
      measureTableHoles(memory)
      adjustBound(memory)
    }
    returnPages(memory)
  }

  /// Whether there is anything to tend: many megabytes in blocks of glibc. A change of the limit may change it.
  var keepsMemory: Bool {
    limit.unit == .bytes && limit.amount >= Self.leastTended && sizer.estimator?.isTrivial == false && GlibcChunk.isUsed
      && (configuration.memory.countsHoles || configuration.memory.returnsPages)
  }

  /// Bytes below which holes are not worth a task.
  private static var leastTended: Int { 16 << 20 }

  /// Starts the task that tends the memory, where there is anything to tend and it does not run yet: it sleeps, holds the cache weakly, and ends with it.
  func startTendingMemory() {
    guard keepsMemory else { return }
    memory?.task.start { [weak self] in
      var pause = Duration.seconds(1)
      while (try? await Task.sleep(for: pause)) != nil {
        guard let self else { return }
        tendMemory()
        pause = self.pause(after: pause)
      }
    }
  }

  /// How long to wait before the next look: a cache of which a quarter has changed since the last one is looked at soon, an idle one is left alone more and
  /// more.
  private func pause(after pause: Duration) -> Duration {
    var now: UInt64 = 0
    for index in 0...shardMask {
      reading(shard(at: index)) { now &+= $0.pointee.counters.changes }
    }
    let changes: UInt64 =
      memory?.state.withLock { state in
        defer { state.changes = now }
        return now &- state.changes
      } ?? 0
    if changes > UInt64(clamping: count / 4) { return .seconds(1) }
    return changes > 0 ? .seconds(5) : min(pause * 2, .seconds(60))
  }

  /// Looks at up to 64 entries of the next shard. Their values are copied while nobody writes, and walked later.
  private func sampleHoles(_ memory: MemoryTending) {
    let index = memory.state.withLock { state in
      state.nextShard = (state.nextShard + 1) & shardMask
      return state.nextShard
    }
    let sample = reading(shard(at: index)) { $0.pointee.randomEntries(64) }
    var (bytes, holes) = (0, GlibcChunk.Hole())
    for (key, value) in sample {
      guard let found = sizer.estimator?.holes(key, value) else { continue }
      bytes += found.bytes
      holes += found.holes
      // A few large values say as much as many small ones.
      if bytes > 4 << 20 { break }
    }
    memory.state.withLock { $0.estimate.add(blocks: bytes, holes: holes) }
  }

  /// Where entries are large, most holes lie before the small blocks between them, which are the cache's own. There is one for some hundred entries, so all are
  /// looked at.
  private func measureTableHoles(_ memory: MemoryTending) {
    var holes = GlibcChunk.Hole()
    for index in 0...shardMask {
      reading(shard(at: index)) { shard in
        shard.pointee.visitBlocks { holes += GlibcChunk.hole(before: $0) }
      }
    }
    memory.state.withLock { $0.tableHoles = holes }
  }

  private func adjustBound(_ memory: MemoryTending) {
    let entries = weight
    let holes = UInt64(clamping: memory.state.withLock { $0.holes(entries) })
    let heldBack = HoleEstimate.heldBack(
      limit: bound.maximum, entries: UInt64(clamping: entries) / bound.unit, holes: holes / bound.unit,
      before: bound.heldBack)
    if heldBack != bound.heldBack { holdBack(heldBack) }
  }

  /// Where a lot was let go since the last time, or lies in whole pages between the entries.
  private func returnPages(_ memory: MemoryTending) {
    guard configuration.memory.returnsPages else { return }
    let entries = UInt64(clamping: weight) / bound.unit
    let pays = memory.state.withLock { state -> Bool in
      state.highest = max(state.highest, entries)
      let bytes = entries * bound.unit
      let pages = UInt64(Double(bytes) * min(state.estimate.pageRatio, 16)) + UInt64(clamping: state.tableHoles.pages)
      return PageReturn.pays(
        from: state.highest * bound.unit, to: bytes, pages: pages, limit: bound.maximum * bound.unit)
    }
    if pays, HeapTrim.run() { memory.state.withLock { $0.highest = entries } }
  }
}

extension MemoryState {
  /// Bytes in holes between entries of so many bytes.
  fileprivate func holes(_ entries: Int) -> Int { Int(Double(entries) * min(estimate.ratio, 16)) + tableHoles.bytes }
}

extension Shard {
  /// The blocks of the tables that grow with the entries.
  fileprivate func visitBlocks(_ body: (UnsafeRawPointer) -> Void) {
    policy.pool.visitChunks(body)
    for block in [index.block, policy.sketch.block, policy.ghosts.block] { body(block) }
  }

  /// Some entries at random. Time is bounded by their number, not by that of all entries: writers wait meanwhile.
  fileprivate func randomEntries(_ count: Int) -> [(Key, Value)] {
    let pool = policy.pool
    guard pool.highWater > NodePool.reserved else { return [] }
    var entries: [(Key, Value)] = []
    // Identifiers that are free at present are passed over; where most are, there are few entries, and little to measure.
    for _ in 0..<2 * count where entries.count < count {
      let id = UInt32.random(in: NodePool.reserved..<pool.highWater)
      guard pool[id].pointee.isInUse else { continue }
      entries.append((table[id].pointee.key, WholeValue.load(table.value(id))))
    }
    return entries
  }
}

extension ShardCounters {
  /// Values that came and went.
  fileprivate var changes: UInt64 { insertions &+ expired &+ evicted &+ replaced.load(ordering: .relaxed) &+ explicit }
}
