/// A set of block indices, one bit each.
final class Bitmap: @unchecked Sendable {
  private let words: FlatArray<UInt64>
  var wordCount: Int { words.count }

  init(count: Int) { words = FlatArray(repeating: 0, count: (count + 63) >> 6) }

  @inline(__always)
  func contains(_ index: Int) -> Bool { words[index >> 6] >> UInt64(index & 63) & 1 != 0 }

  @inline(__always)
  func insert(_ index: Int) { words[index >> 6] |= 1 << UInt64(index & 63) }

  /// Inserts and says whether the bit was clear before.
  @inline(__always)
  func insertIfAbsent(_ index: Int) -> Bool {
    let bit: UInt64 = 1 << UInt64(index & 63)
    let word = words[index >> 6]
    guard word & bit == 0 else { return false }
    words[index >> 6] = word | bit
    return true
  }

  /// As `FlatArray.prefetch(_:)`.
  @inline(__always)
  func prefetch(_ index: Int) { words.prefetch(index >> 6) }

  /// 64 bits at once, for merging.
  @inline(__always)
  subscript(word index: Int) -> UInt64 {
    get { words[index] }
    set { words[index] = newValue }
  }

  func removeAll() { for word in 0..<wordCount { words[word] = 0 } }

  /// What is in some of the words, ascending.
  func elements(inWords range: Range<Int>) -> [UInt32] {
    var elements: [UInt32] = []
    for word in range {
      var bits = words[word]
      while bits != 0 {
        elements.append(UInt32(word << 6 + bits.trailingZeroBitCount))
        bits &= bits - 1
      }
    }
    return elements
  }

  /// Number of elements. O(words).
  var population: Int { (0..<wordCount).reduce(0) { $0 + words[$1].nonzeroBitCount } }
}
