import ProcessImage

/// glibc's `malloc`, 2.31 to 2.43, found and walked by structure: no symbols, no version table.
enum GlibcWalker: HeapWalker {
  static func recognizes(_ image: ProcessImage) -> Bool {
    let space = AddressSpace(image.mappings)
    return !ArenaLocator(image: image, space: space, cache: PageCache(image.memory)).locate().isEmpty
  }

  static func walk(
    _ image: ProcessImage, into blocks: BlockTable.Builder, progress: (@Sendable (Double) -> Void)?
  ) throws(MallocError) -> HeapWalk {
    let space = AddressSpace(image.mappings)
    let cache = PageCache(image.memory)
    let rings = ArenaLocator(image: image, space: space, cache: cache).locate()
    guard let ring = rings.first else {
      throw .unknownAllocator("no glibc arena in the writable memory of \(image.modules.count) modules")
    }
    var session = GlibcSession(
      image: image, space: space, cache: cache, ring: ring, builder: blocks, progress: progress)
    if rings.count > 1 {
      session.remarks.append("\(rings.count) copies of glibc are loaded; only the heap of the first is listed")
    }
    return session.run()
  }
}

/// One walk in progress.
struct GlibcSession {
  let image: ProcessImage
  let space: AddressSpace
  let cache: PageCache
  let ring: ArenaRing
  let progress: (@Sendable (Double) -> Void)?
  let parameters: MallocParameters?
  let states: [ArenaState]
  let window: WalkWindow
  let inFlight: ChunksInFlight

  var remarks: [String] = []
  var checks: [HeapWalk.SelfCheck] = []
  var segments: [HeapSegment] = []
  var mapped: [MappedChunks.Found] = []
  /// What was walked of each segment's arena.
  var tallies: [ArenaTally]
  var builder: BlockTable.Builder
  /// Bytes that may still be searched for the way back into broken chains.
  var searchBudget = Resync.searched
  /// Memory of the allocator in which no roots are to be looked for.
  var owned: [Range<UInt64>] = []
  /// Parts of segments that could not be walked: what is there may be anything, so roots stay possible.
  var skipped: [Range<UInt64>] = []

  init(
    image: ProcessImage, space: AddressSpace, cache: PageCache, ring: ArenaRing, builder: BlockTable.Builder,
    progress: (@Sendable (Double) -> Void)?
  ) {
    self.image = image
    self.space = space
    self.cache = cache
    self.ring = ring
    self.builder = builder
    self.progress = progress
    parameters = MallocParameters.locate(in: image, ring: ring, space: space, cache: cache)
    var states: [ArenaState] = []
    for (index, address) in ring.arenas.enumerated() {
      guard
        let state = ArenaState(at: address, isMain: index == 0, layout: ring.layout, space: space, cache: cache)
      else { continue }
      states.append(state)
    }
    self.states = states
    tallies = states.map { _ in ArenaTally() }
    window = WalkWindow(image.memory)
    inFlight = ChunksInFlight(image: image, ring: ring, space: space)
  }

  mutating func run() -> HeapWalk {
    owned.append(ring.main..<ring.main &+ ring.layout.size)
    if let parameters {
      owned.append(parameters.range)
    } else {
      remarks.append("malloc's parameters (mp_) were not found: the number of mmapped blocks cannot be checked")
    }
    collectThreadHeaps()
    let caches = locateCaches()
    remarks += caches.remarks
    let cached = CachedChunks.collect(
      ring: ring, arenas: states, caches: caches, inFlight: inFlight, space: space, cache: cache)
    remarks += cached.remarks
    walkEverything(cached)
    addChecks(cached)
    return result(caches)
  }

  private func locateCaches() -> ThreadCaches {
    if image.threads.contains(where: { $0.threadPointer != 0 }) {
      var caches = ThreadCaches.locate(in: image, ring: ring, space: space, cache: cache)
      if caches.caches.isEmpty {
        caches.remarks.append(
          "no thread has a cache of free blocks; blocks that are free inside one would count as live")
      }
      return caches
    }
    // A first walk finds the structs, the second leaves out what hangs on them.
    var scout = self
    scout.builder = BlockTable.Builder(keeping: ThreadCaches.blockSizes)
    scout.walkEverything(CachedChunks())
    return ThreadCaches.scan(scout.builder.build(), space: space, cache: cache)
  }

  /// Appends all blocks, in address order as far as the layout of memory allows.
  private mutating func walkEverything(_ cached: CachedChunks) {
    let walk = ChunkWalk(window: window, cached: cached.addresses)
    walkMainHeap(walk)
    addMappedPieces()
    let expected = parameters.map { (count: $0.mmapCount, bytes: $0.mmapBytes) }
    let finder = MappedChunks(space: space, cache: cache, layout: ring.layout, expected: expected)
    mapped = finder.find(outside: owned + segments.map(\.owned))
    walkSegments(walk)
  }

  private mutating func collectThreadHeaps() {
    let heaps = ThreadHeaps(
      ring: ring, space: space, cache: cache, hugePageSize: parameters?.hugePageSize ?? 0)
    for (index, state) in states.enumerated() where !state.isMain {
      let found = heaps.segments(of: state, index: index)
      segments += found.segments
      tallies[index].systemBytes = found.bytes
      remarks += found.remarks
    }
    segments.sort { $0.owned.lowerBound < $1.owned.lowerBound }
  }

  private mutating func walkSegments(_ walk: ChunkWalk) {
    let total = Double(max(segments.reduce(0) { $0 &+ ($1.owned.upperBound - $1.owned.lowerBound) }, 1))
    var done = 0.0
    var nextMapped = 0
    for segment in segments {
      while nextMapped < mapped.count && mapped[nextMapped].chunk < segment.owned.lowerBound {
        append(mapped[nextMapped], walk)
        nextMapped += 1
      }
      owned.append(segment.owned)
      walkPiece(
        walk, from: segment.firstChunk, end: segment.end, limit: segment.owned.upperBound, arena: segment.arena,
        stopsAtFence: false)
      done += Double(segment.owned.upperBound - segment.owned.lowerBound)
      progress?(min(done / total, 1))
    }
    for chunk in mapped[nextMapped...] { append(chunk, walk) }
  }

  private mutating func append(_ chunk: MappedChunks.Found, _ walk: ChunkWalk) {
    owned.append(chunk.region)
    // 2.43 keeps even mmapped chunks in thread caches.
    guard !walk.isCached(chunk.chunk) else { return }
    let address = chunk.chunk &+ Chunk.header
    builder.append(address: address, size: chunk.usable, head: cache.word(address) ?? 0)
  }

  /// The main arena's heap from `sbrk_base` to its top, with gaps where somebody else moved the break.
  private mutating func walkMainHeap(_ walk: ChunkWalk) {
    guard let state = states.first, state.isMain, !state.isUnused else { return }
    let heap = MainHeap(space: space, cache: cache, state: state, arenaIndex: 0)
    guard let first = heap.firstChunk(sbrkBase: parameters?.sbrkBase, mappings: image.mappings),
      let run = space.run(containing: first)
    else {
      remarks.append("the main heap was not found; its blocks are missing")
      return
    }
    var start = first
    var pieceStart = parameters.map { $0.sbrkBase == 0 ? first : $0.sbrkBase } ?? first
    while true {
      let holdsTop = state.top >= start && state.top < run.upperBound
      let target = holdsTop ? state.top : run.upperBound
      let reached = walkPiece(
        walk, from: start, end: .top(target), limit: holdsTop ? state.top &+ max(state.topSize, 16) : run.upperBound,
        arena: 0, stopsAtFence: true)
      guard case .fence(let end) = reached else {
        let pieceEnd = holdsTop ? state.top &+ state.topSize : target
        if pieceEnd > pieceStart { addMainPiece(pieceStart..<pieceEnd) }
        return
      }
      addMainPiece(pieceStart..<end)
      guard let next = heap.chainStart(from: end, to: target) else { return }
      tallies[0].gaps.append(next - end)
      start = next
      pieceStart = next
    }
  }

  /// Pieces of the main arena that `mmap` gave it after `brk` had failed.
  private mutating func addMappedPieces() {
    guard let state = states.first, state.isMain, !state.isUnused,
      state.isNonContiguous || !owned.contains(where: { $0.contains(state.top) })
    else { return }
    let heap = MainHeap(space: space, cache: cache, state: state, arenaIndex: 0)
    let mapped = MappedChunks(space: space, cache: cache, layout: ring.layout, expected: nil)
    let claimed = AddressSpace.union(owned + segments.map(\.owned))
    for stretch in AddressSpace.subtract(claimed, from: space.anonymous) {
      var page = Chunk.alignUp(stretch.lowerBound, Chunk.page)
      while page < stretch.upperBound {
        if let chunk = mapped.chunk(at: page, end: stretch.upperBound) {
          page = chunk.region.upperBound
        } else if let piece = heap.mappedPiece(at: page, end: stretch.upperBound) {
          segments.append(piece)
          tallies[0].systemBytes &+= piece.owned.upperBound - piece.owned.lowerBound
          page = Chunk.alignUp(piece.owned.upperBound, Chunk.page)
        } else {
          page &+= Chunk.page
        }
      }
    }
    segments.sort { $0.owned.lowerBound < $1.owned.lowerBound }
  }

  private mutating func addMainPiece(_ range: Range<UInt64>) {
    owned.append(range)
    tallies[0].systemBytes &+= range.upperBound - range.lowerBound
  }

  /// Walks one chain, skipping what is broken; returns how it ended.
  @discardableResult
  private mutating func walkPiece(
    _ walk: ChunkWalk, from first: UInt64, end: HeapSegment.End, limit: UInt64, arena: Int, stopsAtFence: Bool
  ) -> ChunkWalk.Outcome.End {
    let resync = Resync(space: space, cache: cache, known: walk.cached, inFlight: inFlight)
    var start = first
    var attempts = 0
    let chainEnd = end.address
    while true {
      let outcome = walk.walk(from: start, end: end, limit: limit, stopsAtFence: stopsAtFence, into: &builder)
      tallies[arena].add(outcome)
      guard case .torn(let address, let previous) = outcome.end else { return outcome.end }
      attempts += 1
      let way =
        attempts <= Resync.mostAttempts
        ? resync.next(after: address, previous: previous, end: chainEnd, limit: limit, budget: &searchBudget)
        : Resync.Way(chunk: chainEnd)
      if let rest = way.rest { tallies[arena].unsettled.append(rest) }
      let next = way.chunk
      let lost = address..<max(next, address)
      skipped.append(lost)
      tallies[arena].skips += next < chainEnd || way.rest != nil ? 1 : 2
      tallies[arena].skippedBytes &+= lost.upperBound - lost.lowerBound
      remarks.append(
        "arena 0x\(hex(states[arena].address)): \(lost.upperBound - lost.lowerBound) bytes at 0x\(hex(address)) are not a chain of chunks"
          + (states[arena].isLocked ? " (a thread stood inside malloc)" : "") + "; skipped")
      guard next < chainEnd else { return outcome.end }
      start = next
    }
  }
}
