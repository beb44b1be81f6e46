import Glibc

/// A row of bits that answers quickly how many are set before one (rank), and where the one is that has so many before it (select).
///
/// For each group of 512 bits it keeps how many set bits come before, and for every 512th set bit its group (G. Jacobson, "Space-efficient static
/// trees and graphs", FOCS 1989): 6 % of the bits' own memory, and 4 bytes for 512 set bits. Set bits first, then `settle`: there are no ranks before that.
struct RankedBits: ~Copyable, @unchecked Sendable {
  // Raw memory of its own, zero at first: pages that nobody writes to take no memory of the machine. Each call checks once that what it asks for is
  // inside; groups are whole, so what lies in the same group is inside as well. Written before it is shared.

  private let words: UnsafeMutablePointer<UInt64>
  /// Set bits before each group; those of all groups at the end.
  private let ranks: UnsafeMutablePointer<UInt32>
  /// The group in which every 512th set bit lies.
  private let samples: UnsafeMutablePointer<UInt32>
  private let groupCount: Int

  /// Bits of a group. Counts are 32 bits wide, so there are less than 2^32 groups and set bits.
  static let groupBits = 512
  private static let groupWords = groupBits / 64
  private static let sampleStep = 512

  /// Bytes of one group.
  static let groupBytes = UInt64(groupBits / 8 + 4)

  /// - Returns: nil where there are too many bits, or there is no memory for them.
  init?(groupCount: Int) {
    guard groupCount >= 0, groupCount < Int(UInt32.max) else { return nil }
    let wordCount = max(groupCount * Self.groupWords, 1)
    let words = calloc(wordCount, MemoryLayout<UInt64>.stride)
    let ranks = calloc(groupCount + 1, MemoryLayout<UInt32>.stride)
    // As many as there can be.
    let samples = calloc(groupCount + 1, MemoryLayout<UInt32>.stride)
    guard let words, let ranks, let samples else {
      free(words)
      free(ranks)
      free(samples)
      return nil
    }
    self.words = words.bindMemory(to: UInt64.self, capacity: wordCount)
    self.ranks = ranks.bindMemory(to: UInt32.self, capacity: groupCount + 1)
    self.samples = samples.bindMemory(to: UInt32.self, capacity: groupCount + 1)
    self.groupCount = groupCount
  }

  deinit {
    free(words)
    free(ranks)
    free(samples)
  }

  @inline(__always)
  private func check(_ bit: Int) { precondition(bit >= 0 && bit < groupCount &* Self.groupBits) }

  /// One more than the last bit.
  var end: Int { groupCount * Self.groupBits }

  /// Set bits, once they are settled.
  var count: Int { Int(ranks[groupCount]) }

  @inline(__always)
  func contains(_ bit: Int) -> Bool {
    check(bit)
    return words[bit >> 6] >> UInt64(bit & 63) & 1 != 0
  }

  @inline(__always)
  func insert(_ bit: Int) {
    check(bit)
    words[bit >> 6] |= 1 << UInt64(bit & 63)
  }

  /// Writes to no page that nobody has written to.
  func removeAll() {
    for word in 0..<groupCount * Self.groupWords where words[word] != 0 { words[word] = 0 }
  }

  /// Counts the bits. O(bits).
  func settle() {
    var total: UInt32 = 0
    var sampled = 0
    for group in 0..<groupCount {
      ranks[group] = total
      for word in group * Self.groupWords..<(group + 1) * Self.groupWords {
        total += UInt32(words[word].nonzeroBitCount)
      }
      while sampled * Self.sampleStep < Int(total) {
        samples[sampled] = UInt32(group)
        sampled += 1
      }
    }
    ranks[groupCount] = total
  }

  /// Set bits before this one. O(1).
  @inline(__always)
  func rank(_ bit: Int) -> Int {
    check(bit)
    let last = bit >> 6
    let group = bit / Self.groupBits
    var rank = Int(ranks[group])
    for word in group * Self.groupWords..<last { rank += words[word].nonzeroBitCount }
    return rank + (words[last] & Self.below(bit)).nonzeroBitCount
  }

  /// The set bit that has `rank` others before it; `rank` is smaller than `count`. O(log(groups between two samples)).
  func select(_ rank: Int) -> Int {
    precondition(rank >= 0 && rank < count)
    let sample = rank / Self.sampleStep
    var low = Int(samples[sample])
    var high = (sample + 1) * Self.sampleStep < count ? Int(samples[sample + 1]) + 1 : groupCount
    // The last group that begins at or before it.
    while high - low > 1 {
      let middle = (low + high) >> 1
      if Int(ranks[middle]) <= rank { low = middle } else { high = middle }
    }
    var word = low * Self.groupWords
    var rest = rank - Int(ranks[low])
    while true {
      precondition(word < groupCount * Self.groupWords)
      let bits = words[word].nonzeroBitCount
      if rest < bits { return word << 6 + Self.select(words[word], rest) }
      rest -= bits
      word += 1
    }
  }

  /// The first set bit after `bit` and before `end`. O(distance / 64).
  @inline(__always)
  func next(after bit: Int, before end: Int) -> Int? {
    check(bit)
    precondition(end <= self.end)
    var word = bit >> 6
    var bits = words[word] & ~Self.below(bit) & ~(1 << UInt64(bit & 63))
    while bits == 0 {
      word += 1
      guard word < end >> 6 else { return nil }
      bits = words[word]
    }
    return word << 6 + bits.trailingZeroBitCount
  }

  /// The last set bit at or before `bit`, and not before `start`, which begins a group. O(distance / 64).
  @inline(__always)
  func last(atOrBefore bit: Int, from start: Int) -> Int? {
    check(bit)
    precondition(start >= 0)
    var word = bit >> 6
    var bits = words[word] & (~0 >> UInt64(63 - bit & 63))
    while bits == 0 {
      guard word > start >> 6 else { return nil }
      word -= 1
      bits = words[word]
    }
    return word << 6 + 63 - bits.leadingZeroBitCount
  }

  /// All set bits of a range of whole groups, ascending.
  func visit(in range: Range<Int>, _ body: (Int) -> Void) {
    precondition(range.lowerBound >= 0 && range.upperBound <= end)
    for word in range.lowerBound >> 6..<range.upperBound >> 6 {
      var bits = words[word]
      while bits != 0 {
        body(word << 6 + bits.trailingZeroBitCount)
        bits &= bits - 1
      }
    }
  }

  /// Of a bit's word, those before it.
  @inline(__always)
  private static func below(_ bit: Int) -> UInt64 { 1 << UInt64(bit & 63) &- 1 }

  /// Position of the set bit that has `rest` set bits below it.
  @inline(__always)
  private static func select(_ word: UInt64, _ rest: Int) -> Int {
    var (word, rest, position) = (word, rest, 0)
    var width = 32
    while width >= 4 {
      let low = (word & (1 << UInt64(width) &- 1)).nonzeroBitCount
      if rest >= low {
        rest -= low
        word >>= UInt64(width)
        position += width
      }
      width >>= 1
    }
    while rest > 0 {
      word &= word &- 1
      rest -= 1
    }
    return position + word.trailingZeroBitCount
  }
}
