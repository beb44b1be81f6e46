import ProcessImage

/// Makes a table that keeps its blocks packed (`PackedBlocks`), from two further walks of the same heap: the first shows where blocks begin, which
/// numbers them, the second where they end.
///
/// Not for several threads at once.
public final class BlockPacker {
  private let starts: PackedStarts
  private var sizes: PackedSizes.Builder
  private let memory: any MemoryReader
  private var filter = OverlapFilter()
  private var stage = Stage.empty
  /// Contents that contradict each other were shown: blocks that overlap, or others the second time.
  private var startsContradict = false
  private var endsContradict = false

  private enum Stage {
    case empty, starts, ends
  }

  /// - Parameters:
  ///   - extents: of a walk before these.
  ///   - memory: where blocks' first words are read.
  /// - Returns: nil where there are blocks that cannot be packed, or there is no memory.
  public init?(_ extents: BlockExtents, memory: any MemoryReader) {
    guard extents.isRegular, extents.count < Int(UInt32.max) - 1, let starts = PackedStarts(extents.joined()) else {
      return nil
    }
    self.starts = starts
    self.memory = memory
    sizes = PackedSizes.Builder(capacity: extents.gapCount)
  }

  /// A walk begins, or begins anew: what it has shown before does not count.
  public func begin() {
    filter = OverlapFilter()
    switch stage {
    case .empty: break
    case .starts:
      starts.removeAll()
      startsContradict = false
    case .ends:
      sizes.removeAll()
      endsContradict = false
    }
  }

  /// What the first walk shows.
  public func addStarts(_ shown: UnsafeBufferPointer<BlockTable.Block>) {
    stage = .starts
    for block in shown where filter.accepts(block) && !starts.insert(block.address) { startsContradict = true }
  }

  /// Between the two. O(bytes of the heap).
  ///
  /// - Returns: the number of blocks.
  public func settleStarts() -> Int {
    starts.settle()
    stage = .ends
    return starts.count
  }

  /// What the second one shows.
  ///
  /// - Parameter each: called with the index of each block.
  public func addEnds(_ shown: UnsafeBufferPointer<BlockTable.Block>, each: (Int, BlockTable.Block) -> Void) {
    for block in shown where filter.accepts(block) {
      guard let place = starts.block(startingAt: block.address) else {
        endsContradict = true
        continue
      }
      let index = starts.index(place)
      each(index, block)
      let next = starts.next(after: place)
      if let next, next < block.address &+ max(block.size, 1) { endsContradict = true }
      if next != PackedBlocks.follower(of: block.address, size: block.size), !sizes.append(block.size, of: index) {
        endsContradict = true
      }
    }
  }

  /// Once, at the end. O(blocks + bytes of the heap).
  ///
  /// - Returns: nil where the walks contradicted each other, or there is no memory.
  public func build() -> BlockTable? {
    guard stage == .ends, !startsContradict, !endsContradict,
      let sizes = sizes.build(blockCount: starts.count)
    else { return nil }
    return BlockTable(PackedBlocks(starts, sizes, memory: memory))
  }
}
