/// Where the blocks of a heap lie, and how many there are: what has to be known before they are packed.
///
/// Adding is amortised O(1); 24 bytes for each stretch of memory without a large gap.
public struct BlockExtents: Sendable {
  /// A stretch of memory that holds blocks.
  struct Extent: Sendable {
    var range: Range<UInt64>
    /// It is one large block.
    var isLarge: Bool
  }

  public private(set) var count = 0
  /// Blocks that the next one does not follow directly.
  public private(set) var gapCount = 0
  /// Every block begins at a multiple of 16, and within the address space that a user has.
  private(set) var isRegular = true
  private var extents: [Extent] = []
  private var filter = OverlapFilter()
  /// Where the next block would begin if it followed directly.
  private var expected: UInt64 = 0

  /// A gap that ends a stretch, and a block that is one by itself; see `BlockTable`.
  private static let widestGap: UInt64 = 1 << 20
  private static let largeBlock: UInt64 = 1 << 20
  private static let addressLimit: UInt64 = 1 << 62
  /// From there on stretches that touch are joined now and then.
  private static let manyExtents = 1 << 16
  private var tidyAt = manyExtents

  public init() {}

  /// Counts blocks, in any order. Amortised O(blocks).
  public mutating func add(_ blocks: UnsafeBufferPointer<BlockTable.Block>) {
    for block in blocks where filter.accepts(block) {
      guard block.address & 15 == 0, block.address < Self.addressLimit, block.size < Self.addressLimit else {
        isRegular = false
        continue
      }
      count += 1
      if block.address != expected { gapCount += 1 }
      expected = PackedBlocks.follower(of: block.address, size: block.size)
      add(block.address..<block.address + max(block.size, 1))
    }
  }

  private mutating func add(_ range: Range<UInt64>) {
    let isLarge = range.upperBound - range.lowerBound >= Self.largeBlock
    if !isLarge, let last = extents.last, !last.isLarge, range.lowerBound >= last.range.lowerBound,
      range.lowerBound < last.range.upperBound &+ Self.widestGap
    {
      extents[extents.count - 1].range = last.range.lowerBound..<max(last.range.upperBound, range.upperBound)
      return
    }
    extents.append(Extent(range: range, isLarge: isLarge))
    if extents.count >= tidyAt {
      extents = joined()
      tidyAt = max(Self.manyExtents, extents.count * 2)
    }
  }

  /// Ascending, without overlaps. A small one that touches a large one stays by itself.
  func joined() -> [Extent] {
    var result: [Extent] = []
    for extent in extents.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      guard let last = result.last else {
        result.append(extent)
        continue
      }
      let overlaps = extent.range.lowerBound < last.range.upperBound
      let isNear =
        extent.range.lowerBound - last.range.lowerBound < last.range.upperBound - last.range.lowerBound
        &+ Self.widestGap
      if overlaps || (isNear && !extent.isLarge && !last.isLarge) {
        result[result.count - 1].range =
          last.range.lowerBound..<max(last.range.upperBound, extent.range.upperBound)
        // What overlaps a large block needs a bit of its own.
        result[result.count - 1].isLarge = last.isLarge && extent.isLarge && extent.range == last.range
      } else {
        result.append(extent)
      }
    }
    return result
  }

  /// Bytes that packing takes.
  public var packedBytes: UInt64 {
    let groups = joined().reduce(UInt64(0)) { $0 &+ PackedStarts.groups($1) }
    return groups &* RankedBits.groupBytes &+ UInt64(count) / 6 &+ UInt64(gapCount) &* 8
  }
}

/// Leaves out, of blocks that come in ascending order, those that begin inside the one before. O(1).
struct OverlapFilter: Sendable {
  private var start: UInt64 = 0
  private var end: UInt64 = 0

  @inline(__always)
  mutating func accepts(_ block: BlockTable.Block) -> Bool {
    if block.address >= start && block.address < end { return false }
    start = block.address
    end = block.address &+ max(block.size, 1)
    return true
  }
}
