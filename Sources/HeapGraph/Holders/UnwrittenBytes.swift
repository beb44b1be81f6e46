import Malloc
import ProcessImage

/// Parts of live blocks that nobody has written yet: they are the program's by its own account, and take no memory.
///
/// What `calloc` or `reserveCapacity` hands out is address space until its pages are written. Pages in swap were written, and count as such.
public struct UnwrittenBytes: Sendable {
  /// Blocks below this size share their pages with others.
  private static let smallest: UInt64 = 4096

  /// By block, in address order; none is 0.
  public private(set) var blocks: [(block: Int, bytes: UInt64)] = []

  /// - Parameter present: ranges of memory that hold anything, sorted and not overlapping.
  ///
  /// O(blocks + ranges).
  public init(_ table: BlockTable, present: [Range<UInt64>]) {
    var range = 0
    for block in 0..<table.count where table.size(block) >= Self.smallest {
      let start = table.address(block)
      let size = table.size(block)
      let end = start &+ size
      while range < present.count, present[range].upperBound <= start { range += 1 }
      var written: UInt64 = 0
      var next = range
      while next < present.count, present[next].lowerBound < end {
        written &+= min(present[next].upperBound, end) - max(present[next].lowerBound, start)
        next += 1
      }
      if written < size { blocks.append((block, size - written)) }
    }
  }

  /// O(log blocks).
  public func bytes(of block: Int) -> UInt64 {
    let index = blocks.partitionIndex { $0.block < block }
    return index < blocks.count && blocks[index].block == block ? blocks[index].bytes : 0
  }
}

extension HeapHolders {
  /// By preorder number: unwritten bytes of a node and of all that it dominates. O(nodes).
  func unwrittenBelow(_ unwritten: UnwrittenBytes) -> FlatArray<UInt64> {
    let sums = FlatArray<UInt64>(repeating: 0, count: tree.count)
    for (block, bytes) in unwritten.blocks {
      if let vertex = tree.vertex(block) { sums[vertex] = bytes }
    }
    // A dominator comes before what it dominates.
    for vertex in stride(from: tree.count - 1, to: 0, by: -1) {
      sums[Int(tree.dominators.immediate[vertex])] &+= sums[vertex]
    }
    return sums
  }
}
