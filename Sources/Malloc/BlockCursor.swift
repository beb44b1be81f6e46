/// Where somebody stands who asks a table for one block after the other, most of the time in their order.
///
/// To find a packed block by its number takes a search (`RankedBits.select`); from the block before it is a step. One a reader and table.
public struct BlockCursor: Sendable {
  /// Of the block that was asked for last.
  var index = 0
  var place: PackedStarts.Place?

  /// Steps that take less time than a search.
  static let farthest = 16

  public init() {}
}

extension BlockTable {
  /// First byte and usable bytes of a block. O(1) where it is the one that the cursor stands on or one soon behind it.
  @inlinable @inline(__always)
  public func extent(_ index: Int, _ cursor: inout BlockCursor) -> (address: UInt64, size: UInt64) {
    if let packed { return packed.extent(index, &cursor) }
    precondition(index >= 0 && index < count)
    return (addresses[index], UInt64(wordCounts[index]) << 3)
  }
}

extension PackedBlocks {
  @usableFromInline @inline(never)
  func extent(_ index: Int, _ cursor: inout BlockCursor) -> (address: UInt64, size: UInt64) {
    let place = step(to: index, from: cursor) ?? starts.block(index)
    cursor.index = index
    cursor.place = place
    return (starts.address(place), size(index, place))
  }

  /// Nil where it is too far, or backwards.
  private func step(to index: Int, from cursor: BlockCursor) -> PackedStarts.Place? {
    guard index >= cursor.index, index - cursor.index <= BlockCursor.farthest else { return nil }
    var place = cursor.place
    for _ in cursor.index..<index { place = place.flatMap { starts.following($0) } }
    return place
  }
}
