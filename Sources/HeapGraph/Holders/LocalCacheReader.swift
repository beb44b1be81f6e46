import ProcessImage

/// Reads the blocks by which caches of the module LocalCache describe themselves: docs/local-cache-layout.md, version 1.
///
/// Nothing in them is believed: a block that contradicts itself is counted and left out, lists that do not end are given up, and what is read for
/// all blocks together is bounded. O(blocks x shards).
struct LocalCacheReader {
  private typealias Field = LocalCacheLayout.Block
  private typealias Cell = LocalCacheLayout.Cell
  private static let mostBlocks = 10_000
  /// Of one cache; today's have at most 256.
  private static let mostShards: UInt64 = 4096
  private static let largestShard: UInt64 = 1 << 20
  /// Of one cache.
  private static let mostCells: UInt64 = 4096
  /// No counter gets there; a torn one must not overflow a sum.
  private static let mostCounted: UInt64 = 1 << 50

  /// What is known after reading.
  struct Found: Sendable {
    var caches: [LocalCacheSummary] = []
    /// Address of a cache's first shard -> index into `caches`.
    var byShards: [UInt64: Int] = [:]
    /// Addresses of the blocks that describe `caches`, in no order.
    var blocks: [UInt64] = []
    /// Blocks that had the magic number and made no sense.
    var damaged = 0
  }

  let memory: any MemoryReader
  private var shardsLeft: UInt64 = 1 << 20

  init(_ memory: any MemoryReader) { self.memory = memory }

  /// - Parameters:
  ///   - anchor: address of the anchor, where it is known.
  ///   - candidates: addresses of blocks that begin with the magic number.
  /// - Throws: only `MemoryError.targetGone`.
  mutating func read(anchor: UInt64?, candidates: [UInt64]) throws(MemoryError) -> Found {
    var found = Found()
    var seen: Set<UInt64> = []
    var next: UInt64 = 0
    if let anchor { next = try first(of: anchor) }
    while next != 0, seen.count < Self.mostBlocks, seen.insert(next).inserted {
      // The list ends where a block is being torn down; what comes after it is found by its magic number.
      guard let block = try block(next) else { break }
      try add(block, next, &found)
      next = block.word(Field.next)
    }
    for address in candidates where seen.count < Self.mostBlocks && seen.insert(address).inserted {
      if let block = try block(address) { try add(block, address, &found) }
    }
    return found
  }

  private mutating func add(_ block: [UInt8], _ address: UInt64, _ found: inout Found) throws(MemoryError) {
    guard let summary = try summary(block, address) else {
      found.damaged += 1
      return
    }
    found.byShards[block.word(Field.shards)] = found.caches.count
    found.blocks.append(address)
    found.caches.append(summary)
  }

  /// First block of the list; 0 where there is none or this is no anchor.
  private func first(of anchor: UInt64) throws(MemoryError) -> UInt64 {
    typealias Field = LocalCacheLayout.Anchor
    guard let bytes = try bytes(anchor, Field.size), bytes.word(Field.magic) == LocalCacheLayout.anchorMagic,
      bytes.half(Field.version) == 1
    else { return 0 }
    return bytes.word(Field.firstBlock)
  }

  /// The block's bytes, if it has the magic number.
  private func block(_ address: UInt64) throws(MemoryError) -> [UInt8]? {
    guard let bytes = try bytes(address, Field.smallestSize), bytes.word(Field.magic) == LocalCacheLayout.blockMagic
    else {
      return nil
    }
    guard bytes.half(Field.size) >= Field.wholeSize else { return bytes }
    return try self.bytes(address, Field.wholeSize) ?? bytes
  }

  /// Nil where the image has no such memory.
  private func bytes(_ address: UInt64, _ count: Int) throws(MemoryError) -> [UInt8]? {
    do throws(MemoryError) { return try memory.bytes(at: address, count: count) } catch {
      if error == .targetGone { throw error }
      return nil
    }
  }

  private mutating func summary(_ block: [UInt8], _ address: UInt64) throws(MemoryError) -> LocalCacheSummary? {
    let nameLength = Int(block.half(Field.nameLength))
    // Later versions only append.
    guard block.half(Field.version) >= 1, block.half(Field.size) >= Field.smallestSize,
      nameLength <= Field.longestName, let unit = Self.unit(block.half(Field.unit)), let counters = try counters(block)
    else { return nil }
    let lookups = counters.hits &+ counters.misses
    return LocalCacheSummary(
      name: String(decoding: block[Field.name..<Field.name + nameLength], as: UTF8.self), unit: unit,
      limit: block.word(Field.limit),
      entries: counters.entries, hits: counters.hits, misses: counters.misses, insertions: counters.insertions,
      evictions: counters.evictions, expired: counters.expired,
      hitRatio: lookups == 0 ? nil : Double(counters.hits) / Double(lookups),
      published: published(block), address: "0x" + String(address, radix: 16))
  }

  private struct Counters {
    var hits: UInt64 = 0, misses: UInt64 = 0, insertions: UInt64 = 0
    var evictions: UInt64 = 0, expired: UInt64 = 0, entries: UInt64 = 0
  }

  /// Sums over the shards; nil where they do not lie where the block says.
  private mutating func counters(_ block: [UInt8]) throws(MemoryError) -> Counters? {
    let start = block.word(Field.shards)
    let count = UInt64(block.half(Field.shardCount))
    let stride = UInt64(block.half(Field.shardStride))
    guard count >= 1, count <= Self.mostShards, count <= shardsLeft, stride >= 8, stride <= Self.largestShard,
      start & 7 == 0, start != 0, !start.addingReportingOverflow(count * stride).overflow
    else { return nil }
    let places = (Field.counters + [Field.entryCounter]).map { UInt64(block.half($0)) }
    guard places.allSatisfy({ $0 < stride && $0 & 3 == 0 }) else { return nil }
    shardsLeft -= count
    var sums = [UInt64](repeating: 0, count: places.count)
    for shard in 0..<count {
      for (index, place) in places.enumerated() {
        // The number of entries is one of 32 bits.
        let width = index == places.count - 1 ? 4 : 8
        guard place + UInt64(width) <= stride, let bytes = try bytes(start + shard * stride + place, width) else {
          return nil
        }
        let value = width == 4 ? UInt64(bytes.half(0)) : bytes.word(0)
        sums[index] &+= min(value, Self.mostCounted)
      }
    }
    let cells = try cells(of: block)
    return Counters(
      hits: sums[0] &+ cells.hits, misses: sums[1] &+ cells.misses, insertions: sums[2], evictions: sums[3],
      expired: sums[4], entries: sums[5])
  }

  /// Look-ups that readers counted in cells of their own; older caches have none.
  private func cells(of block: [UInt8]) throws(MemoryError) -> (hits: UInt64, misses: UInt64) {
    var (hits, misses): (UInt64, UInt64) = (0, 0)
    let start = block.word(Field.cells)
    let count = UInt64(block.half(Field.cellCount))
    guard start != 0, start & 7 == 0, count <= Self.mostCells,
      !start.addingReportingOverflow(count * Cell.stride).overflow
    else { return (0, 0) }
    for cell in 0..<count {
      guard let bytes = try bytes(start + cell * Cell.stride, Cell.size) else { break }
      hits &+= min(bytes.word(Cell.hits), Self.mostCounted)
      misses &+= min(bytes.word(Cell.misses), Self.mostCounted)
    }
    return (hits, misses)
  }

  private func published(_ block: [UInt8]) -> LocalCacheSummary.Published? {
    let time = block.word(Field.time)
    guard time != 0 else { return nil }
    let distinct = block.word(Field.distinctKeys)
    let lookups = block.word(Field.lookups)
    let hitRatio = Self.ratio(block.word(Field.hitRatio))
    /// A count that older caches do not give.
    func appended(_ place: Int) -> UInt64? { block.count < Field.wholeSize ? nil : block.word(place) }
    var repeats: Double?
    if distinct > 0, lookups > 0 {
      // An estimate of distinct keys may say more than look-ups, or less than what is known to repeat.
      repeats = max(hitRatio ?? 0, 1 - min(1, Double(distinct) / Double(lookups)))
    }
    return LocalCacheSummary.Published(
      weight: block.word(Field.weight), entries: block.word(Field.entries), distinctKeys: distinct,
      repeatRatio: repeats, loads: block.word(Field.loads), loadNanoseconds: Self.loadNanoseconds(block),
      advice: Self.advice(block.half(Field.advice)), hitRatio: hitRatio,
      neededHitRatio: Self.ratio(block.word(Field.neededHitRatio)),
      smallerSize: Self.positive(block.word(Field.smallerSize)),
      largerSize: Self.positive(block.word(Field.largerSize)),
      recentHitRatio: block.count < Field.wholeSize ? nil : Self.ratio(block.word(Field.recentHitRatio)),
      joinedLoads: appended(Field.joinedLoads), failedLoads: appended(Field.failedLoads),
      removed: appended(Field.removed), refused: appended(Field.refused), time: time)
  }

  /// What the verdict follows from: loads of the cache and of the program. Older caches, and those without a verdict, know the former only.
  private static func loadNanoseconds(_ block: [UInt8]) -> UInt64? {
    let loads = block.word(Field.loads)
    return positive(block.word(Field.loadMean)) ?? (loads == 0 ? nil : block.word(Field.loadTime) / loads)
  }

  private static func positive(_ value: UInt64) -> UInt64? { value == 0 ? nil : value }

  /// A share, or nil for what is none: NaN says "not known".
  private static func ratio(_ bits: UInt64) -> Double? {
    let value = Double(bitPattern: bits)
    return value >= 0 && value <= 1 ? value : nil
  }

  private static func unit(_ raw: UInt32) -> LocalCacheSummary.Unit? {
    switch raw {
    case 0: .bytes
    case 1: .entries
    case 2: .weight
    default: nil
    }
  }

  private static func advice(_ raw: UInt32) -> LocalCacheSummary.Advice {
    let known: [LocalCacheSummary.Advice] = [
      .tooEarly, .keep, .remove, .shrink, .enlarge, .shareAcrossProcesses, .shareValues, .lengthenLifetime,
    ]
    return raw < UInt32(known.count) ? known[Int(raw)] : .unknown
  }
}
