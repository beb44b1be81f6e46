import Glibc
import ProcessImage

/// The blocks of a heap in a bit for each 16 bytes of it, for when there is no room for 20 bytes a block.
///
/// A set bit is where a block begins. A block's index is the number of set bits before its own, which counts of whole groups of bits make quick to
/// tell, and the way back too (rank and select: G. Jacobson, "Space-efficient static trees and graphs", FOCS 1989). Most blocks end where the
/// header of the next one begins; sizes are kept of the others only. 0.83 % of the heap, 1.2 bits a block, 4 bytes a gap.
@usableFromInline
final class PackedBlocks: @unchecked Sendable {
  // Written by `addStarts` and `addEnds`, one after the other, before the table that stands on it is shared.
  private struct Region {
    var start, end: UInt64
    var firstWord: Int
    /// One large block: one bit stands for all of it.
    var isLarge: Bool
  }

  private let regions: [Region]
  private let words: UnsafeMutablePointer<UInt64>
  private let groupCount: Int
  /// Set bits before each group of `wordsInGroup` words; one more at the end.
  private let ranks: UnsafeMutablePointer<UInt32>
  /// The group of every `sampled`th block.
  private var samples: [UInt32] = []
  /// Blocks whose sizes are in `sizes`: a bit each, and how many come before each group of these.
  private var isSized: [UInt64] = []
  private var sizedRanks: [UInt32] = []
  /// In words of 8 bytes.
  private var sizes: UnsafeMutablePointer<UInt32>?
  /// While ends are added: index << 32 | words.
  private var ends: UnsafeMutablePointer<UInt64>?
  private var endCount = 0
  private var endCapacity = 0
  @usableFromInline private(set) var count = 0
  private(set) var totalBytes: UInt64 = 0
  /// Contents that contradict each other were added: blocks that overlap, or others the second time.
  private(set) var isInconsistent = false
  private let memory: PagedMemory
  private var filter = OverlapFilter()

  private static let wordsInGroup = 8
  private static let sampled = 512
  private static let header: UInt64 = 8

  /// Where a block begins that follows directly: `malloc` keeps the size of the next one in between.
  @inline(__always)
  static func follower(of address: UInt64, size: UInt64) -> UInt64 { address &+ size &+ header }

  /// Groups of words that a stretch takes.
  static func groups(_ extent: BlockExtents.Extent) -> UInt64 {
    extent.isLarge ? 1 : (extent.range.upperBound - extent.range.lowerBound) >> 13 &+ 1
  }

  /// - Parameter memory: where first words are read.
  /// - Returns: nil where there are blocks that cannot be packed.
  init?(_ extents: BlockExtents, memory: any MemoryReader) {
    guard extents.isRegular, extents.count < Int(UInt32.max) - 1 else { return nil }
    var regions: [Region] = []
    var groups = 0
    for extent in extents.joined() {
      regions.append(
        Region(
          start: extent.range.lowerBound, end: extent.range.upperBound, firstWord: groups * Self.wordsInGroup,
          isLarge: extent.isLarge))
      groups += Int(Self.groups(extent))
    }
    guard groups < Int(UInt32.max),
      let words = calloc(max(groups * Self.wordsInGroup, 1), 8), let ranks = calloc(groups + 1, 4)
    else { return nil }
    self.regions = regions
    self.words = words.bindMemory(to: UInt64.self, capacity: max(groups * Self.wordsInGroup, 1))
    self.ranks = ranks.bindMemory(to: UInt32.self, capacity: groups + 1)
    groupCount = groups
    self.memory = PagedMemory(memory, pageCount: 256)
    endCapacity = max(extents.gapCount, 16)
  }

  deinit {
    free(words)
    free(ranks)
    free(sizes)
    free(ends)
  }

  // MARK: - Packing

  /// A walk begins.
  func begin() {
    filter = OverlapFilter()
    endCount = 0
  }

  /// The first walk: where blocks begin.
  func addStarts(_ blocks: UnsafeBufferPointer<BlockTable.Block>) {
    for block in blocks where filter.accepts(block) {
      guard let place = place(of: block.address), place.isFirst else {
        isInconsistent = true
        continue
      }
      words[place.word] |= 1 << place.bit
    }
  }

  /// Numbers the blocks. O(bytes of the heap).
  func settleStarts() {
    var total: UInt32 = 0
    samples.removeAll()
    for group in 0..<groupCount {
      ranks[group] = total
      for word in 0..<Self.wordsInGroup {
        total += UInt32(words[group * Self.wordsInGroup + word].nonzeroBitCount)
      }
      while samples.count * Self.sampled < Int(total) { samples.append(UInt32(group)) }
    }
    ranks[groupCount] = total
    count = Int(total)
  }

  /// The second walk: where they end.
  ///
  /// - Parameter each: called with the index of each block.
  func addEnds(_ blocks: UnsafeBufferPointer<BlockTable.Block>, each: (Int, BlockTable.Block) -> Void) {
    for block in blocks where filter.accepts(block) {
      guard let place = place(of: block.address), place.isFirst, words[place.word] >> place.bit & 1 != 0 else {
        isInconsistent = true
        continue
      }
      let index = rank(place)
      each(index, block)
      let next = next(after: place)
      if let next, next < block.address &+ max(block.size, 1) { isInconsistent = true }
      if next != Self.follower(of: block.address, size: block.size) { add(end: block.size, of: index) }
    }
  }

  private func add(end size: UInt64, of index: Int) {
    if ends == nil || endCount == endCapacity {
      if ends != nil { endCapacity += endCapacity / 2 }
      guard let grown = realloc(ends, endCapacity * 8) else {
        isInconsistent = true
        return
      }
      ends = grown.bindMemory(to: UInt64.self, capacity: endCapacity)
    }
    ends?[endCount] = UInt64(index) << 32 | UInt64(UInt32(clamping: size >> 3))
    endCount += 1
  }

  /// Puts the sizes in order. O(blocks), O(gaps log gaps) where they came in another order.
  func settleEnds() {
    var entries = UnsafeMutableBufferPointer(start: ends, count: ends == nil ? 0 : endCount)
    if zip(entries, entries.dropFirst()).contains(where: { $0 > $1 }) { entries.sort() }
    isSized = Array(repeating: 0, count: (count + 63) >> 6)
    var kept = 0
    // In place: four bytes are written behind each eight that are read.
    let memory = UnsafeMutableRawPointer(ends)
    for entry in entries.indices {
      let index = Int(entries[entry] >> 32)
      let bit: UInt64 = 1 << UInt64(index & 63)
      guard index < count, isSized[index >> 6] & bit == 0 else { continue }
      isSized[index >> 6] |= bit
      memory?.storeBytes(of: UInt32(truncatingIfNeeded: entries[entry]), toByteOffset: kept * 4, as: UInt32.self)
      kept += 1
    }
    if let memory, let shrunk = realloc(memory, max(kept, 1) * 4) {
      sizes = shrunk.bindMemory(to: UInt32.self, capacity: max(kept, 1))
    }
    ends = nil
    var total: UInt32 = 0
    sizedRanks = stride(from: 0, to: isSized.count, by: Self.wordsInGroup).map { first in
      defer {
        for word in isSized[first..<min(first + Self.wordsInGroup, isSized.count)] {
          total += UInt32(word.nonzeroBitCount)
        }
      }
      return total
    }
    totalBytes = 0
    forEach { totalBytes &+= $2 }
  }

  // MARK: - Questions

  private struct Place {
    var region: Int
    var word: Int
    var bit: UInt64
    /// The address is the first of the 16 bytes, or of the large block.
    var isFirst: Bool
  }

  @inline(__always)
  private func place(of address: UInt64) -> Place? {
    var low = 0
    var high = regions.count
    while low < high {
      let middle = (low + high) >> 1
      if regions[middle].end <= address { low = middle + 1 } else { high = middle }
    }
    guard low < regions.count else { return nil }
    let region = regions[low]
    guard address >= region.start else { return nil }
    let offset = address - region.start
    if region.isLarge { return Place(region: low, word: region.firstWord, bit: 0, isFirst: offset == 0) }
    return Place(
      region: low, word: region.firstWord + Int(offset >> 10), bit: offset >> 4 & 63, isFirst: offset & 15 == 0)
  }

  /// Set bits before a place.
  @inline(__always)
  private func rank(_ place: Place) -> Int {
    let group = place.word / Self.wordsInGroup
    var rank = Int(ranks[group])
    for word in group * Self.wordsInGroup..<place.word { rank += words[word].nonzeroBitCount }
    return rank + (words[place.word] & (1 << place.bit &- 1)).nonzeroBitCount
  }

  @inline(__always)
  private func address(_ region: Region, word: Int, bit: Int) -> UInt64 {
    region.start + UInt64((word - region.firstWord) << 6 + bit) << 4
  }

  /// Where the next block of the same region begins.
  @inline(__always)
  private func next(after place: Place) -> UInt64? {
    let region = regions[place.region]
    let end =
      place.region + 1 < regions.count ? regions[place.region + 1].firstWord : groupCount * Self.wordsInGroup
    var word = place.word
    var bits = place.bit == 63 ? 0 : words[word] & (~0 << (place.bit + 1))
    while bits == 0 {
      word += 1
      guard word < end else { return nil }
      bits = words[word]
    }
    return address(region, word: word, bit: bits.trailingZeroBitCount)
  }

  @inline(__always)
  private func size(_ index: Int, at address: UInt64, _ place: Place) -> UInt64 {
    let bits = isSized[index >> 6]
    let bit = UInt64(index & 63)
    guard bits >> bit & 1 != 0 else {
      guard let next = next(after: place), next - address >= Self.header else { return 0 }
      return next - address - Self.header
    }
    let group = (index >> 6) / Self.wordsInGroup
    var rank = Int(sizedRanks[group])
    for word in group * Self.wordsInGroup..<index >> 6 { rank += isSized[word].nonzeroBitCount }
    rank += (bits & (1 << bit &- 1)).nonzeroBitCount
    return sizes.map { UInt64($0[rank]) << 3 } ?? 0
  }

  /// As `BlockTable.index(containing:)`. O(log regions), and the distance to the block's first byte.
  @usableFromInline
  func index(containing address: UInt64) -> Int {
    guard var place = place(of: address) else { return -1 }
    let region = regions[place.region]
    var bits = words[place.word] & (~0 >> (63 - place.bit))
    while bits == 0 {
      guard place.word > region.firstWord else { return -1 }
      place.word -= 1
      bits = words[place.word]
    }
    place.bit = UInt64(63 - bits.leadingZeroBitCount)
    let start = self.address(region, word: place.word, bit: Int(place.bit))
    let index = rank(place)
    return start == address || address - start < size(index, at: start, place) ? index : -1
  }

  /// As `BlockTable.index(startingAt:)`. O(log regions).
  @usableFromInline
  func index(startingAt address: UInt64) -> Int {
    guard let place = place(of: address), place.isFirst, words[place.word] >> place.bit & 1 != 0 else { return -1 }
    return rank(place)
  }

  /// The place of a block. O(log(groups between two samples) + log regions).
  @inline(__always)
  private func place(ofIndex index: Int) -> Place {
    precondition(index >= 0 && index < count)
    let sample = index / Self.sampled
    var low = Int(samples[sample])
    var high = sample + 1 < samples.count ? Int(samples[sample + 1]) + 1 : groupCount
    // The last group that begins at or before the block.
    while high - low > 1 {
      let middle = (low + high) >> 1
      if Int(ranks[middle]) <= index { low = middle } else { high = middle }
    }
    var word = low * Self.wordsInGroup
    var rest = index - Int(ranks[low])
    while true {
      let bits = words[word].nonzeroBitCount
      if rest < bits { break }
      rest -= bits
      word += 1
    }
    var first = 0
    var last = regions.count
    while last - first > 1 {
      let middle = (first + last) >> 1
      if regions[middle].firstWord <= word { first = middle } else { last = middle }
    }
    return Place(region: first, word: word, bit: UInt64(Self.select(words[word], rest)), isFirst: true)
  }

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

  @usableFromInline
  func address(_ index: Int) -> UInt64 {
    let place = place(ofIndex: index)
    return address(regions[place.region], word: place.word, bit: Int(place.bit))
  }

  @usableFromInline
  func size(_ index: Int) -> UInt64 {
    let place = place(ofIndex: index)
    return size(index, at: address(regions[place.region], word: place.word, bit: Int(place.bit)), place)
  }

  /// Read from the image; 0 where that has no such memory any more.
  @usableFromInline
  func head(_ index: Int) -> UInt64 { (try? memory.load(UInt64.self, at: address(index))) ?? 0 }

  /// Index, address and size of every block. O(blocks + bytes of the heap).
  func forEach(_ body: (Int, UInt64, UInt64) -> Void) {
    var index = 0
    for (number, region) in regions.enumerated() {
      let end = number + 1 < regions.count ? regions[number + 1].firstWord : groupCount * Self.wordsInGroup
      for word in region.firstWord..<end {
        var bits = words[word]
        while bits != 0 {
          let bit = bits.trailingZeroBitCount
          let place = Place(region: number, word: word, bit: UInt64(bit), isFirst: true)
          let start = address(region, word: word, bit: bit)
          body(index, start, size(index, at: start, place))
          index += 1
          bits &= bits - 1
        }
      }
    }
  }
}
