/// Where the list of all caches of the process begins: a symbol that a reader outside finds by name, or in the data segment by its magic number.
/// docs/local-cache-layout.md is the contract.
public struct LocalCacheAnchor: Sendable {
  /// "LCANCHOR" in memory.
  let magic: UInt64 = 0x524F_4843_4E41_434C
  let version: UInt32 = 1
  let reserved: UInt32 = 0
  /// Address of the first block, or 0.
  var first: UInt = 0
}

/// The anchor of this process. Not for use by programs.
nonisolated(unsafe) public private(set) var localCacheAnchor = LocalCacheAnchor()

/// The description of one cache for readers outside the process: fixed offsets, fixed widths, no references of Swift.
final class CacheBlock: @unchecked Sendable {
  static let size = 384
  /// "LCACHE01" in memory.
  static let magic: UInt64 = 0x3130_4548_4341_434C
  private static let list = Guarded(())
  private let memory: UnsafeMutableRawPointer
  /// One publication after the other: an older one that takes longer must not overwrite parts of a newer one.
  let publication = Guarded(())

  /// Offsets of the fields in bytes; see docs/local-cache-layout.md.
  enum Field {
    static let magic = 0, version = 8, size = 12, next = 16, previous = 24
    static let unit = 32, limit = 40, weight = 48, entries = 56
    static let distinctKeys = 64, loads = 72, loadNanoseconds = 80
    static let advice = 88, hitRatio = 96, neededHitRatio = 104, smallerSize = 112, updated = 120
    static let shards = 128, shardCount = 136, shardStride = 140
    static let hitsOffset = 144, missesOffset = 148, insertionsOffset = 152, evictedOffset = 156,
      expiredOffset = 160
    static let entriesOffset = 164
    static let lookups = 168, cells = 176, cellCount = 184
    static let nameLength = 188, name = 192, nameCapacity = 128
    static let largerSize = 320, recentHitRatio = 328, verdictLoadNanoseconds = 336
    static let joinedLoads = 344, failedLoads = 352, removed = 360, refused = 368
  }

  init(name: String) {
    memory = .allocate(byteCount: Self.size, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: Self.size)
    store(UInt32(1), Field.version)
    store(UInt32(Self.size), Field.size)
    // Cut at a character: half a code point would be no UTF-8.
    var bytes: [UInt8] = []
    for character in name {
      guard bytes.count + character.utf8.count <= Field.nameCapacity else { break }
      bytes += character.utf8
    }
    for (index, byte) in bytes.enumerated() { store(byte, Field.name + index) }
    store(UInt32(bytes.count), Field.nameLength)
    store(Double.nan, Field.hitRatio)
    store(Double.nan, Field.neededHitRatio)
    store(Double.nan, Field.recentHitRatio)
    Self.list.withLock { _ in
      let first = localCacheAnchor.first
      store(first, Field.next)
      if let second = UnsafeMutableRawPointer(bitPattern: first) {
        second.storeBytes(of: UInt(bitPattern: memory), toByteOffset: Field.previous, as: UInt.self)
      }
      // The magic number last: a reader that finds it finds the rest.
      store(Self.magic, Field.magic)
      localCacheAnchor.first = UInt(bitPattern: memory)
    }
  }

  /// Takes the block out of the list, if it is there: what it describes is about to go.
  func retire() {
    Self.list.withLock { _ in
      guard memory.load(fromByteOffset: Field.magic, as: UInt64.self) != 0 else { return }
      store(UInt64(0), Field.magic)
      let next = memory.load(fromByteOffset: Field.next, as: UInt.self)
      let previous = memory.load(fromByteOffset: Field.previous, as: UInt.self)
      if let before = UnsafeMutableRawPointer(bitPattern: previous) {
        before.storeBytes(of: next, toByteOffset: Field.next, as: UInt.self)
      } else {
        localCacheAnchor.first = next
      }
      if let after = UnsafeMutableRawPointer(bitPattern: next) {
        after.storeBytes(of: previous, toByteOffset: Field.previous, as: UInt.self)
      }
    }
  }

  deinit {
    retire()
    memory.deallocate()
  }

  func store<Number: BitwiseCopyable>(_ number: Number, _ offset: Int) {
    memory.storeBytes(of: number, toByteOffset: offset, as: Number.self)
  }

  /// The block's address, for tests.
  var address: UInt { UInt(bitPattern: memory) }
}

extension LocalCache {
  /// Tells where the counters lie that change all the time: a reader takes those from the shards.
  func describeShards(in block: CacheBlock) {
    typealias Field = CacheBlock.Field
    let first = shard(at: 0)
    let base = UnsafeRawPointer(first)
    func offset<Number: ~Copyable>(_ pointer: UnsafePointer<Number>) -> UInt32 {
      UInt32(UnsafeRawPointer(pointer) - base)
    }
    block.store(UInt(bitPattern: base), Field.shards)
    block.store(UInt32(shardMask + 1), Field.shardCount)
    block.store(UInt32(shardStride), Field.shardStride)
    block.store(withUnsafePointer(to: first.pointee.policy.hitCount) { offset($0) }, Field.hitsOffset)
    block.store(
      withUnsafePointer(to: first.pointee.policy.missCount) { offset($0) }, Field.missesOffset)
    block.store(
      withUnsafePointer(to: &first.pointee.counters.insertions) { offset($0) },
      Field.insertionsOffset)
    block.store(
      withUnsafePointer(to: &first.pointee.counters.evicted) { offset($0) }, Field.evictedOffset)
    block.store(
      withUnsafePointer(to: &first.pointee.counters.expired) { offset($0) }, Field.expiredOffset)
    block.store(
      withUnsafePointer(to: &first.pointee.index.count) { offset($0) }, Field.entriesOffset)
    block.store(UInt(bitPattern: cells.base), Field.cells)
    block.store(UInt32(cells.count), Field.cellCount)
    block.store(UInt32(sizer.limitUnit.rawValue), Field.unit)
    block.store(UInt64(limit.amount), Field.limit)
  }

  /// Brings the slow part of the description up to date: contents and verdict. The cache does this from time to time while it is used.
  public func publish() {
    publishContents()
    publishVerdict()
  }

  /// What the cache does by itself now and then. A verdict takes up to a quarter of a second: all of them together no more than a five-hundredth of a
  /// processor.
  func publishIfDue() {
    if publishing.begin() { publishContents() }
    guard judging.begin() else { return }
    let start = CacheTime.systemNanoseconds()
    publishVerdict()
    judging.ended(begunAt: start)
  }

  private func publishContents() {
    typealias Field = CacheBlock.Field
    block.publication.withLock { _ in
      let statistics = statistics
      block.store(UInt64(statistics.limit.amount), Field.limit)
      block.store(UInt64(statistics.weight), Field.weight)
      block.store(UInt64(statistics.entries), Field.entries)
      block.store(UInt64(statistics.distinctKeys), Field.distinctKeys)
      block.store(statistics.requests, Field.lookups)
      block.store(statistics.loads, Field.loads)
      block.store(statistics.loadTime.nanoseconds, Field.loadNanoseconds)
      block.store(statistics.joinedLoads, Field.joinedLoads)
      block.store(statistics.failedLoads, Field.failedLoads)
      block.store(statistics.removed, Field.removed)
      block.store(statistics.refused, Field.refused)
      block.store(CacheTime.systemNanoseconds(), Field.updated)
    }
  }

  private func publishVerdict() {
    typealias Field = CacheBlock.Field
    block.publication.withLock { _ in
      let verdict = verdict
      block.store(verdict.hitRatio, Field.hitRatio)
      block.store(verdict.neededHitRatio ?? .nan, Field.neededHitRatio)
      block.store(UInt64(verdict.smallerSize?.size ?? 0), Field.smallerSize)
      block.store(UInt64(verdict.largerSize?.size ?? 0), Field.largerSize)
      block.store(verdict.recentHitRatio ?? .nan, Field.recentHitRatio)
      block.store(verdict.loadTime?.nanoseconds ?? 0, Field.verdictLoadNanoseconds)
      block.store(verdict.advice.rawValue, Field.advice)
      block.store(CacheTime.systemNanoseconds(), Field.updated)
    }
  }
}

extension LocalCache: ObservedCache {
  /// Only starts a task: a verdict takes its time.
  func observerTurned() {
    setSampling()
    guard publishing.isDue || judging.isDue else { return }
    Task.detached(priority: .background) { [weak self] in self?.publishIfDue() }
  }
}
