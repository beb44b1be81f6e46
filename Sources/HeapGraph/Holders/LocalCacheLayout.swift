/// Where things are in the blocks by which caches describe themselves: docs/local-cache-layout.md, version 1. Offsets in bytes.
enum LocalCacheLayout {
  /// "LCACHE01" and "LCANCHOR" in memory.
  static let blockMagic: UInt64 = 0x3130_4548_4341_434C
  static let anchorMagic: UInt64 = 0x524F_4843_4E41_434C
  /// `LocalCache.localCacheAnchor`.
  static let anchorSymbol = "$s10LocalCache05localB6AnchorAA0abD0Vvp"

  enum Anchor {
    static let magic = 0, version = 8, firstBlock = 16
    static let size = 24
  }

  enum Block {
    static let magic = 0, version = 8, size = 12, next = 16, unit = 32, limit = 40
    static let weight = 48, entries = 56, distinctKeys = 64, loads = 72, loadTime = 80, advice = 88
    static let hitRatio = 96, neededHitRatio = 104, smallerSize = 112, time = 120
    static let shards = 128, shardCount = 136, shardStride = 140
    /// Where in a shard its counters are: hits, misses, insertions, evictions, expired entries.
    static let counters = [144, 148, 152, 156, 160]
    static let entryCounter = 164
    static let lookups = 168, cells = 176, cellCount = 184, nameLength = 188, name = 192
    static let longestName = 128
    static let smallestSize = 320
    /// Fields that later versions have appended, and the size with them.
    static let largerSize = 320, recentHitRatio = 328, loadMean = 336
    static let joinedLoads = 344, failedLoads = 352, removed = 360, refused = 368
    static let wholeSize = 384
  }

  enum Cell {
    static let hits = 16, misses = 24
    static let size = 32
    static let stride: UInt64 = 128
  }
}
