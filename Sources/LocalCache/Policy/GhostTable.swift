/// Keys that were evicted lately, as 16-bit fingerprints: two bytes each, and one cache line a look.
///
/// The ghosts of S3-FIFO (Yang et al., SOSP 2023), in buckets of four that forget their oldest first. A fingerprint that matches by chance, one
/// in some 16,000, does no more harm than to keep an entry that nobody asked for twice.
struct GhostTable {
  private static let ways = 4
  private var buckets: UnsafeMutablePointer<UInt64>
  private var count: UInt32

  init(entries: Int) {
    count = UInt32(max(1, min(entries, 1 << 30) / Self.ways))
    buckets = .allocate(capacity: Int(count))
    buckets.initialize(repeating: 0, count: Int(count))
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() { buckets.deallocate() }

  var block: UnsafeRawPointer { UnsafeRawPointer(buckets) }

  /// Grows for more entries. Each new bucket takes over the ghosts of the one its keys were in.
  mutating func reserve(entries: Int) {
    let wanted = min(entries, 1 << 30) / Self.ways
    guard wanted > Int(count) else { return }
    let table = UnsafeMutablePointer<UInt64>.allocate(capacity: wanted)
    for bucket in 0..<wanted {
      (table + bucket).initialize(to: buckets[bucket * Int(count) / wanted])
    }
    buckets.deallocate()
    buckets = table
    count = UInt32(wanted)
  }

  private func place(_ hash: UInt32) -> (bucket: UnsafeMutablePointer<UInt64>, fingerprint: UInt64) {
    // Mixed, because the high bits alone choose the keys that the shadow caches see.
    let mixed = UInt64(hash) &* 0x9E37_79B9_7F4A_7C15
    let bucket = ((mixed >> 32) * UInt64(count)) >> 32
    return (buckets + Int(bucket), max(mixed >> 8 & 0xFFFF, 1))
  }

  /// A key was evicted.
  func insert(_ hash: UInt32) {
    let (bucket, fingerprint) = place(hash)
    bucket.pointee = bucket.pointee << 16 | fingerprint
  }

  /// Whether a key was evicted lately; forgets it.
  func remove(_ hash: UInt32) -> Bool {
    let (bucket, fingerprint) = place(hash)
    let word = bucket.pointee
    for way in 0..<UInt64(Self.ways) where word >> (way * 16) & 0xFFFF == fingerprint {
      // What is older moves up.
      let below = way == 0 ? 0 : word & (1 << (way * 16) - 1)
      let above = way == 3 ? 0 : (word >> ((way + 1) * 16)) << (way * 16)
      bucket.pointee = above | below
      return true
    }
    return false
  }
}
