import CLocalCache

/// How often keys were asked for lately: a count-min sketch of 4-bit counters that are halved from time to time.
///
/// After Einziger, Friedman, Manes, "TinyLFU: A Highly Efficient Cache Admission Policy" (ACM TOS 2017); the four counters of a key lie in
/// one 64-byte block, so that a look-up costs one cache line. Only the smallest of the four are raised ("conservative update", Estan and
/// Varghese 2002), which lets the table be smaller for the same error.
package struct FrequencySketch {
  private var words: UnsafeMutablePointer<UInt64>
  private var blocks: UInt32
  /// Words of 16 counters.
  var wordCount: Int { Int(blocks) * 8 }

  static let maximumCount: UInt32 = 15
  /// A block of 128 counters serves this many entries: 4 to 5 bytes an entry.
  static let entriesPerBlock = 16

  init(entries: Int) {
    blocks = UInt32(max(1, min(entries, 1 << 30) / Self.entriesPerBlock))
    words = .allocate(capacity: Int(blocks) * 8)
    words.initialize(repeating: 0, count: Int(blocks) * 8)
  }

  /// The owner ends the life of the memory; the value itself is a handle.
  func deallocate() { words.deallocate() }

  var block: UnsafeRawPointer { UnsafeRawPointer(words) }

  /// Grows for more entries, by a quarter at least. Each new block takes over the counts of the one its keys were in.
  mutating func reserve(entries: Int) {
    let wanted = min(entries, 1 << 30) / Self.entriesPerBlock
    guard wanted > Int(blocks) else { return }
    let larger = max(wanted, Int(blocks) + Int(blocks) / 4)
    let table = UnsafeMutablePointer<UInt64>.allocate(capacity: larger * 8)
    for block in 0..<larger {
      (table + block * 8).initialize(from: words + block * Int(blocks) / larger * 8, count: 8)
    }
    words.deallocate()
    words = table
    blocks = UInt32(larger)
  }

  /// Not the high bits alone: those choose the keys that the shadow caches see.
  private func block(_ hash: UInt32) -> UnsafeMutablePointer<UInt64> {
    let mixed = hash &* 0x9E37_79B1
    return words + Int((UInt64(mixed) * UInt64(blocks)) >> 32) * 8
  }

  /// The counters of the key with this hash will be looked at soon.
  @inline(__always)
  func prefetch(_ hash: UInt32) { localcache_prefetch(block(hash)) }

  /// The estimate of the key with this hash, 0...15.
  func estimate(_ hash: UInt32) -> UInt32 {
    let spread = Self.spread(hash)
    let block = block(hash)
    var smallest: UInt32 = 15
    for row in 0..<4 {
      let (word, shift) = Self.position(spread, row)
      smallest = min(smallest, UInt32(truncatingIfNeeded: block[word] >> shift) & 15)
    }
    return smallest
  }

  /// Counts `times` accesses.
  mutating func add(_ hash: UInt32, times: UInt32 = 1) {
    let spread = Self.spread(hash)
    let block = block(hash)
    let places = (
      Self.position(spread, 0), Self.position(spread, 1), Self.position(spread, 2), Self.position(spread, 3)
    )
    func count(_ place: (word: Int, shift: UInt64)) -> UInt32 {
      UInt32(truncatingIfNeeded: block[place.word] &>> place.shift) & 15
    }
    let counts = (count(places.0), count(places.1), count(places.2), count(places.3))
    let smallest = min(min(counts.0, counts.1), min(counts.2, counts.3))
    let target = min(smallest &+ times, Self.maximumCount)
    // Without branches: which counters are the smallest is chance.
    func raise(_ place: (word: Int, shift: UInt64), from count: UInt32) {
      block[place.word] &+= UInt64(max(target, count) &- count) &<< place.shift
    }
    raise(places.0, from: counts.0)
    raise(places.1, from: counts.1)
    raise(places.2, from: counts.2)
    raise(places.3, from: counts.3)
  }

  /// Halves every counter: what was popular long ago must not stay for ever. Linear in the size of the sketch.
  mutating func age() {
    for index in 0..<wordCount { words[index] = words[index] >> 1 & 0x7777_7777_7777_7777 }
  }

  private static func spread(_ hash: UInt32) -> UInt64 {
    let mixed = UInt64(hash) &* 0x9E37_79B9_7F4A_7C15
    return mixed ^ mixed >> 29
  }

  /// Two words of the block for each row, and one of 16 counters in the word.
  private static func position(_ spread: UInt64, _ row: Int) -> (word: Int, shift: UInt64) {
    let bits = spread >> UInt64(24 + row * 8)
    return (row * 2 + Int(bits & 1), (bits >> 1 & 15) * 4)
  }
}
