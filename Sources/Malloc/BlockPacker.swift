import ProcessImage

/// Makes a table that keeps its blocks packed (`PackedBlocks`), from two further walks of the same heap.
///
/// Not for several threads at once.
public struct BlockPacker {
  private let blocks: PackedBlocks

  /// - Parameters:
  ///   - extents: of a walk before these.
  ///   - memory: where blocks' first words are read.
  /// - Returns: nil where there are blocks that cannot be packed.
  public init?(_ extents: BlockExtents, memory: any MemoryReader) {
    guard let blocks = PackedBlocks(extents, memory: memory) else { return nil }
    self.blocks = blocks
  }

  /// A walk begins, or begins anew.
  public func begin() { blocks.begin() }

  /// What the first walk shows.
  public func addStarts(_ shown: UnsafeBufferPointer<BlockTable.Block>) { blocks.addStarts(shown) }

  /// Between the two. O(bytes of the heap).
  ///
  /// - Returns: the number of blocks.
  public func settleStarts() -> Int {
    blocks.settleStarts()
    return blocks.count
  }

  /// What the second one shows.
  ///
  /// - Parameter each: called with the index of each block.
  public func addEnds(
    _ shown: UnsafeBufferPointer<BlockTable.Block>, each: (Int, BlockTable.Block) -> Void
  ) { blocks.addEnds(shown, each: each) }

  /// O(blocks).
  ///
  /// - Returns: nil where the walks contradicted each other.
  public consuming func build() -> BlockTable? {
    guard !blocks.isInconsistent else { return nil }
    blocks.settleEnds()
    return BlockTable(blocks)
  }
}
