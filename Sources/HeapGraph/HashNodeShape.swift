import SwiftMetadata

/// Where a node of a tree of hashes keeps its children and its items, in bytes from the block's start (`ObjectLayout.hashNode`).
struct HashNodeShape {
  /// Of the children, behind {isa, reference counts, bitmaps, room}.
  static let start: UInt64 = 32
  /// A reference to the child, and how many items are below it.
  static let childStride: UInt64 = 16

  let children: UInt64
  let items: UInt64
  /// Where the first item lies in memory, which is the last one that was put there.
  let firstItem: UInt64

  /// What the header says, if it fits into the block; memory may be torn.
  ///
  /// - Parameter header: has loaded `start` bytes of the block.
  init?(address: UInt64, size: UInt64, stride: UInt64, header: MemoryWindow) {
    let maps = header.word(address + 16)
    let (itemMap, childMap) = (maps & 0xffff_ffff, maps >> 32)
    let room = header.word(address + 24) & 0xffff_ffff
    // Equal bitmaps are no bitmaps: items whose hash values are equal, and how many.
    let isCollision = itemMap == childMap
    children = isCollision ? 0 : UInt64(childMap.nonzeroBitCount)
    items = isCollision ? itemMap : UInt64(itemMap.nonzeroBitCount)
    let (bytes, overflow) = items.multipliedReportingOverflow(by: stride)
    guard size >= Self.start, room <= size - Self.start, !overflow, bytes <= room,
      children * Self.childStride <= room - bytes
    else { return nil }
    firstItem = Self.start + room - bytes
  }

  /// A key and its value, one behind the other as in a tuple. Sizes in bytes.
  struct Item {
    let valueOffset: Int
    let stride: Int

    init(key: ValueLayout, value: ValueLayout?) {
      valueOffset = key.size.aligned(to: value?.alignment ?? 1)
      stride = max(1, (valueOffset + (value?.size ?? 0)).aligned(to: max(key.alignment, value?.alignment ?? 1)))
    }

    /// Bytes from the start of an item that a word belongs to.
    ///
    /// The room ends with the last child's place that fits into the block (`_HashNode.Storage.allocate(byteCapacity:)`), and items end with the room.
    func position(of offset: UInt64, size: UInt64) -> Int {
      guard size >= HashNodeShape.start else { return 0 }
      let end =
        HashNodeShape.start + (size - HashNodeShape.start) / HashNodeShape.childStride * HashNodeShape.childStride
      guard offset < end else { return 0 }
      let fromEnd = Int(clamping: end - offset) % stride
      return fromEnd == 0 ? 0 : stride - fromEnd
    }
  }
}
