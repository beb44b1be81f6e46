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
  @inline(__always)
  private func block(_ hash: UInt32) -> UnsafeMutablePointer<UInt64> {
    let mixed = hash &* 0x9E37_79B1
    return words + Int(truncatingIfNeeded: (UInt64(mixed) &* UInt64(blocks)) &>> 32) &* 8
  }

  /// The counters of the key with this hash will be looked at soon.
  @inline(__always)
  func prefetch(_ hash: UInt32) { localcache_prefetch(block(hash)) }

  /// The estimate of the key with this hash, 0...15.
  @inline(__always)
  func estimate(_ hash: UInt32) -> UInt32 { Places(hash).counts(in: block(hash)).smallest }

  /// Counts an access. Returns the estimate from then on.
  @inline(__always)
  @discardableResult
  mutating func add(_ hash: UInt32) -> UInt32 {
    let block = block(hash)
    let places = Places(hash)
    let counts = places.counts(in: block)
    let smallest = counts.smallest
    guard smallest < Self.maximumCount else { return smallest }
    // Without branches: which counters are the smallest is chance.
    func raise(_ place: Place, from count: UInt32) {
      block[place.word] &+= (count == smallest ? 1 : 0) &<< place.shift
    }
    raise(places.a, from: counts.a)
    raise(places.b, from: counts.b)
    raise(places.c, from: counts.c)
    raise(places.d, from: counts.d)
    return smallest &+ 1
  }

  /// Counts so many accesses. Returns the estimate from then on.
  @discardableResult
  mutating func add(_ hash: UInt32, times: UInt32) -> UInt32 {
    let block = block(hash)
    let places = Places(hash)
    let counts = places.counts(in: block)
    let target = min(counts.smallest &+ times, Self.maximumCount)
    func raise(_ place: Place, from count: UInt32) {
      block[place.word] &+= UInt64(max(target, count) &- count) &<< place.shift
    }
    raise(places.a, from: counts.a)
    raise(places.b, from: counts.b)
    raise(places.c, from: counts.c)
    raise(places.d, from: counts.d)
    return target
  }

  /// Halves every counter: what was popular long ago must not stay for ever. Linear in the size of the sketch.
  mutating func age() {
    for index in 0..<wordCount { words[index] = words[index] >> 1 & 0x7777_7777_7777_7777 }
  }

  private struct Place {
    let word: Int
    let shift: UInt64

    @inline(__always)
    func count(in block: UnsafeMutablePointer<UInt64>) -> UInt32 {
      UInt32(truncatingIfNeeded: block[word] &>> shift) & FrequencySketch.maximumCount
    }
  }

  /// Where in its block the four counters of a key are: two words of the block for each row, and one of 16 counters in the word.
  private struct Places {
    let a, b, c, d: Place

    @inline(__always)
    init(_ hash: UInt32) {
      let mixed = UInt64(hash) &* 0x9E37_79B9_7F4A_7C15
      let spread = mixed ^ mixed &>> 29
      func place(_ row: UInt64) -> Place {
        let bits = spread &>> (24 &+ row &* 8)
        return Place(word: Int(truncatingIfNeeded: row &* 2 &+ bits & 1), shift: (bits &>> 1 & 15) &* 4)
      }
      (a, b, c, d) = (place(0), place(1), place(2), place(3))
    }

    @inline(__always)
    func counts(in block: UnsafeMutablePointer<UInt64>) -> Counts {
      Counts(a: a.count(in: block), b: b.count(in: block), c: c.count(in: block), d: d.count(in: block))
    }
  }

  private struct Counts {
    let a, b, c, d: UInt32

    @inline(__always)
    var smallest: UInt32 { min(min(a, b), min(c, d)) }
  }
}
