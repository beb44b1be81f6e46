import Glibc

/// Sizes of those blocks that the next one does not follow directly: a bit for each block, and four bytes for each size that is kept.
struct PackedSizes: ~Copyable, @unchecked Sendable {
  // Written by the builder, read-only from then on.

  /// The blocks whose sizes are kept, by index.
  private let isKept: RankedBits
  /// In words of eight bytes.
  private let words: UnsafeMutablePointer<UInt32>
  private let count: Int

  deinit { free(words) }

  /// Usable bytes of a block; nil where the next one follows directly.
  @inline(__always)
  func size(_ index: Int) -> UInt64? {
    guard isKept.contains(index) else { return nil }
    let position = isKept.rank(index)
    precondition(position < count)
    return UInt64(words[position]) << 3
  }

  /// Collects sizes in the order in which a walk shows the blocks.
  struct Builder: ~Copyable {
    /// index << 32 | words.
    private var entries: UnsafeMutablePointer<UInt64>?
    private var count = 0
    private var capacity: Int

    /// - Parameter capacity: how many there will be, as far as that is known.
    init(capacity: Int) { self.capacity = max(capacity, 16) }

    deinit { free(entries) }

    mutating func removeAll() { count = 0 }

    /// - Returns: false where there is no memory.
    mutating func append(_ size: UInt64, of index: Int) -> Bool {
      if entries == nil || count == capacity {
        if entries != nil { capacity += capacity / 2 }
        guard let grown = realloc(entries, capacity * 8) else { return false }
        entries = grown.bindMemory(to: UInt64.self, capacity: capacity)
      }
      entries?[count] = UInt64(index) << 32 | UInt64(UInt32(clamping: size >> 3))
      count += 1
      return true
    }

    /// Puts the sizes in order, in the memory that they are in. O(blocks), O(n log n) where they came in another order.
    ///
    /// - Returns: nil where there is no memory.
    mutating func build(blockCount: Int) -> PackedSizes? {
      guard let isKept = RankedBits(groupCount: blockCount / RankedBits.groupBits + 1) else { return nil }
      var entries = UnsafeMutableBufferPointer(start: entries, count: entries == nil ? 0 : count)
      if zip(entries, entries.dropFirst()).contains(where: { $0 > $1 }) { entries.sort() }
      let memory = UnsafeMutableRawPointer(entries.baseAddress)
      var kept = 0
      for entry in entries {
        let index = Int(entry >> 32)
        guard index < blockCount, !isKept.contains(index) else { continue }
        isKept.insert(index)
        // Four bytes are written behind each eight that are read.
        memory?.storeBytes(of: UInt32(truncatingIfNeeded: entry), toByteOffset: kept * 4, as: UInt32.self)
        kept += 1
      }
      isKept.settle()
      guard let words = realloc(memory, max(kept, 1) * 4) else { return nil }
      self.entries = nil
      count = 0
      return PackedSizes(
        isKept: isKept, words: words.bindMemory(to: UInt32.self, capacity: max(kept, 1)), count: kept)
    }
  }
}
