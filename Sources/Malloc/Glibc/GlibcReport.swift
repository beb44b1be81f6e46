import ProcessImage

/// What the walk counted in one arena.
struct ArenaTally: Sendable, Hashable {
  /// Bytes of all segments, to be held against `system_mem`.
  var systemBytes: UInt64 = 0
  /// Sizes of the gaps between pieces of the main heap, in address order.
  var gaps: [UInt64] = []
  var liveBlocks = 0
  var liveBytes: UInt64 = 0
  var freeChunks = 0
  var freeBytes: UInt64 = 0
  var cachedChunks = 0
  var cachedBytes: UInt64 = 0
  var footerMismatches = 0
  var unsettled: [Range<UInt64>] = []
  var walkedBytes: UInt64 = 0
  var skippedBytes: UInt64 = 0
  /// Places at which the chain broke.
  var skips = 0
  var freeSum: UInt64 = 0
  var linkSum: UInt64 = 0

  mutating func add(_ outcome: ChunkWalk.Outcome) {
    liveBlocks += outcome.liveBlocks
    liveBytes &+= outcome.liveBytes
    freeChunks += outcome.freeChunks
    freeBytes &+= outcome.freeBytes
    cachedChunks += outcome.cachedChunks
    cachedBytes &+= outcome.cachedBytes
    footerMismatches += outcome.footerMismatches
    unsettled += outcome.unsettled
    walkedBytes &+= outcome.walkedBytes
    freeSum &+= outcome.freeSum
    linkSum &+= outcome.linkSum
  }
}

extension GlibcSession {
  mutating func addChecks(_ cached: CachedChunks) {
    for (state, tally) in zip(states, tallies) {
      var found = tally.systemBytes
      // While the main heap counts as contiguous, gaps that somebody else's sbrk left are in system_mem too.
      for gap in tally.gaps where found < state.systemBytes { found &+= gap }
      if found != state.systemBytes && isChanging(state) {
        // The counter, the top and the top's size are three stores.
        remarks.append(
          "arena 0x\(hex(state.address)) was being changed: it counts \(state.systemBytes) bytes, \(found) are there")
        continue
      }
      checks.append(
        .init(name: "system_mem of arena 0x\(hex(state.address))", expected: state.systemBytes, found: found))
    }
    addMappedChecks()
    checks.append(.init(name: "tcache counts", expected: cached.counted, found: cached.listed))
    let reached =
      tallies.reduce(0) { $0 + $1.cachedChunks }
      + mapped.count { ChunkWalk(window: window, cached: cached.addresses).isCached($0.chunk) }
    // What a thread has merged meanwhile is part of its neighbour now.
    let merged = min(max(cached.addresses.count - reached, 0), cached.detachedChunks)
    checks.append(
      .init(name: "cached chunks reached", expected: UInt64(cached.addresses.count - merged), found: UInt64(reached)))
    let walked = tallies.reduce(UInt64(0)) { $0 &+ $1.walkedBytes }
    // A thread that splits or joins chunks leaves one torn spot in its arena, whose bytes nobody owns just then.
    let lost = zip(states, tallies).reduce(UInt64(0)) { sum, arena in
      isChanging(arena.0) && arena.1.skips == 1 ? sum : sum &+ arena.1.skippedBytes
    }
    checks.append(.init(name: "chunk chain", expected: walked &+ lost, found: walked))
    for (index, state) in states.enumerated() {
      let check = BinCheck(layout: ring.layout, cache: cache).check(state, tallies[index])
      if !check.passed && isChanging(state) {
        remarks.append(
          "arena 0x\(hex(state.address)) was locked: its bins hold \(check.expected) chunks, the walk found \(check.found)"
        )
      } else {
        checks.append(check)
      }
    }
  }

  /// A thread stands inside this arena; a process with one thread takes no lock.
  private func isChanging(_ state: ArenaState) -> Bool {
    state.isLocked || image.threads.count == 1 && image.threads.contains { BusyThreads(image, ring: ring).contains($0) }
  }

  private mutating func addMappedChecks() {
    guard let parameters else { return }
    let count = UInt64(mapped.count)
    let bytes = mapped.reduce(UInt64(0)) { $0 &+ ($1.region.upperBound - $1.region.lowerBound) }
    let busy = BusyThreads(image, ring: ring)
    let inFlight = max(count, parameters.mmapCount) - min(count, parameters.mmapCount)
    if count != parameters.mmapCount || bytes != parameters.mmapBytes,
      inFlight <= UInt64(image.threads.count { busy.contains($0) })
    {
      // The counters and the mapping itself change one after the other.
      remarks.append(
        "a thread stood inside malloc: it counts \(parameters.mmapCount) mmapped blocks of \(parameters.mmapBytes) bytes, "
          + "\(count) of \(bytes) are there")
      return
    }
    checks.append(.init(name: "mmapped chunks", expected: parameters.mmapCount, found: count))
    checks.append(.init(name: "mmapped bytes", expected: parameters.mmapBytes, found: bytes))
  }

  mutating func result(_ caches: ThreadCaches) -> HeapWalk {
    var arenas: [HeapWalk.Arena] = []
    for (state, tally) in zip(states, tallies) {
      arenas.append(
        HeapWalk.Arena(
          address: state.address, isMain: state.isMain, systemBytes: state.systemBytes, liveBlocks: tally.liveBlocks,
          liveBytes: tally.liveBytes, freeBytes: tally.freeBytes &+ tally.cachedBytes, topBytes: state.topSize,
          topAddress: state.top, isLocked: state.isLocked))
    }
    let ranges = AddressSpace.subtract(AddressSpace.union(skipped), from: AddressSpace.union(owned))
    let version = GlibcVersion.find(in: image, module: ring.module)
    progress?(1)
    let blocks = builder.build()
    return HeapWalk(
      allocator: version.map { "glibc \($0)" } ?? "glibc", isExact: true, blocks: blocks, arenas: arenas,
      checks: checks, ownedRanges: ranges, internalBlocks: caches.caches.map(\.address).sorted(),
      blocksInFlight: blocksInFlight(blocks), remarks: remarks)
  }
}

extension GlibcSession {
  /// Blocks in the hands of a thread inside the allocator, and those that lie in a free chunk which such a thread is splitting.
  private func blocksInFlight(_ blocks: BlockTable) -> [UInt64] {
    var found = Set(inFlight.blocks(blocks, cache: cache))
    guard !inFlight.pointers.isEmpty else { return [] }
    for range in tallies.flatMap(\.unsettled) {
      var index = blocks.firstIndex(atOrAfter: range.lowerBound)
      while index < blocks.count, blocks.address(index) < range.upperBound {
        found.insert(blocks.address(index))
        index += 1
      }
    }
    return found.sorted()
  }
}

/// Holds the bins' lists against the chunks that the walk saw as free.
struct BinCheck {
  let layout: GlibcLayout
  let cache: PageCache

  /// The bins are circular lists, so their forward links are a permutation of their members and heads. Sums of mixed addresses
  /// show in O(bins) whether links and members are the same set; only where they are not, the lists are followed.
  func check(_ state: ArenaState, _ tally: ArenaTally) -> HeapWalk.SelfCheck {
    let name = "binned chunks of arena 0x\(hex(state.address))"
    let walked = UInt64(tally.freeChunks)
    let bins = state.address &+ layout.bins
    var members = tally.freeSum
    var links = tally.linkSum
    for bin in 0..<UInt64(GlibcLayout.binCount) {
      guard let forward = cache.word(bins &+ bin * 16) else {
        return .init(name: name, expected: 0, found: walked)
      }
      members &+= ChunkWalk.mix(bins &+ bin * 16 &- 16)
      links &+= ChunkWalk.mix(forward)
    }
    if members == links { return .init(name: name, expected: walked, found: walked) }
    let listed = count(bins, limit: walked &* 2 &+ 64)
    // Equal counts of different chunks are no match either.
    return .init(name: name, expected: listed == walked ? listed &+ 1 : listed, found: walked)
  }

  private func count(_ bins: UInt64, limit: UInt64) -> UInt64 {
    var total: UInt64 = 0
    for bin in 0..<UInt64(GlibcLayout.binCount) {
      let head = bins &+ bin * 16 &- 16
      var chunk = cache.word(head &+ 16) ?? head
      while chunk != head, total < limit, let next = cache.word(chunk &+ 16) {
        total += 1
        chunk = next
      }
    }
    return total
  }
}
