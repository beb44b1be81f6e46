import ProcessImage

/// Free chunks that still look allocated to their neighbours: those in thread caches and fastbins.
struct CachedChunks: Sendable {
  /// Chunk addresses, sorted, without duplicates.
  var addresses: [UInt64] = []
  /// What the thread caches' own counters say, and what their lists held; caches in the middle of a call left out.
  var counted: UInt64 = 0
  var listed: UInt64 = 0
  var fastbinChunks = 0
  var tcacheChunks = 0
  /// Of `addresses`: in the hands of threads that are merging them; each is a chunk of its own until the thread gets to it.
  var detachedChunks = 0
  var encoding = LinkEncoding.protected
  var remarks: [String] = []

  /// Collects them. O(free chunks · log).
  static func collect(
    ring: ArenaRing, arenas: [ArenaState], caches: ThreadCaches, inFlight: ChunksInFlight, space: AddressSpace,
    cache: PageCache
  ) -> CachedChunks {
    var result = CachedChunks()
    let lists = FreeLists(space: space, cache: cache)
    let heads = fastbinHeads(ring: ring, arenas: arenas, cache: cache)
    result.encoding = lists.encoding(
      of: caches.caches.flatMap(\.entries).filter { $0 != 0 }.map { FreeLists.Head(first: $0, links: .users) }
        + heads.map(\.head))
    // No more free chunks than the memory could hold: the last bound against hostile lists.
    var budget = Int(clamping: space.anonymous.reduce(UInt64(0)) { $0 &+ ($1.upperBound - $1.lowerBound) } / 32) + 1
    for thread in caches.caches where thread.isEnding {
      for entry in thread.entries where entry != 0 {
        let head = FreeLists.Head(first: entry, links: .users)
        result.tcacheChunks += result.add(head, lists, limit: max(budget, 0), budget: &budget).chunks.count
      }
    }
    for thread in caches.caches where !thread.isEnding { result.add(thread, lists, budget: &budget) }
    for head in heads {
      let list = result.add(head.head, lists, limit: max(budget, 0), budget: &budget)
      result.fastbinChunks += list.chunks.count
      if !list.isComplete {
        result.remarks.append(
          "arena 0x\(hex(head.arena)): a fastbin could not be followed to its end; some freed blocks may count as live")
      }
    }
    result.addresses.sort()
    result.removeDuplicates()
    guard ring.layout.hasFastbins else { return result }
    let detached = inFlight.detached(
      lists, result.encoding, cache: cache, listed: result.addresses, limit: max(budget, 0))
    if !detached.isEmpty {
      result.fastbinChunks += detached.count
      result.detachedChunks = detached.count
      result.addresses = (result.addresses + detached).sorted()
      result.remarks.append("a thread stood inside malloc: it was merging \(detached.count) chunks of a fastbin")
    }
    return result
  }

  /// Adds what hangs on one list.
  private mutating func add(
    _ head: FreeLists.Head, _ lists: FreeLists, limit: Int, budget: inout Int
  ) -> FreeLists.List {
    let list = lists.follow(head, encoding: encoding, limit: limit)
    budget -= list.chunks.count
    addresses += list.chunks
    return list
  }

  /// Adds the lists of one thread, and holds its counters against them.
  private mutating func add(_ thread: ThreadCaches.Cache, _ lists: FreeLists, budget: inout Int) {
    let limit = thread.counts.max().map(Int.init) ?? 0
    var counted = 0
    var listed = 0
    var isBroken = false
    for (index, entry) in thread.entries.enumerated() {
      let expected = thread.format == .counts ? Int(thread.counts[index]) : max(limit - Int(thread.counts[index]), 0)
      counted += expected
      guard entry != 0 else { continue }
      // One more than counted: the thread may stand between the two stores.
      let bound = min(thread.format == .counts ? expected + 1 : max(limit, expected) + 1, budget)
      let list = add(FreeLists.Head(first: entry, links: .users), lists, limit: bound, budget: &budget)
      listed += list.chunks.count
      if !list.isComplete { isBroken = true }
    }
    tcacheChunks += listed
    if counted != listed && thread.isBusy && !isBroken && abs(counted - listed) <= 1 {
      remarks.append("thread \(thread.tid) stood inside malloc: its cache counts \(counted), holds \(listed)")
      return
    }
    self.counted &+= UInt64(counted)
    self.listed &+= UInt64(listed)
    if counted != listed || isBroken {
      remarks.append(
        "thread \(thread.tid): a list of its cache is inconsistent (counts \(counted), holds \(listed)); "
          + "some freed blocks may count as live")
    }
  }

  private static func fastbinHeads(
    ring: ArenaRing, arenas: [ArenaState], cache: PageCache
  ) -> [(arena: UInt64, head: FreeLists.Head)] {
    guard ring.layout.hasFastbins else { return [] }
    var heads: [(UInt64, FreeLists.Head)] = []
    for arena in arenas {
      for index in 0..<GlibcLayout.fastbinCount {
        let field = arena.address &+ GlibcLayout.fastbins &+ UInt64(index) * 8
        if let chunk = cache.word(field), chunk != 0 {
          heads.append((arena.address, FreeLists.Head(first: chunk, links: .chunks)))
        }
      }
    }
    return heads
  }

  private mutating func removeDuplicates() {
    var kept = 0
    for index in addresses.indices where kept == 0 || addresses[kept - 1] != addresses[index] {
      addresses[kept] = addresses[index]
      kept += 1
    }
    addresses.removeLast(addresses.count - kept)
  }
}
