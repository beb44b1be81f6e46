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

  /// - Parameters:
  ///   - mappings: of the process; of blocks outside of its private anonymous memory (huge pages set aside, shared memory) nothing counts as unwritten.
  ///   - present: ranges of that memory that hold anything.
  ///
  /// Both sorted and not overlapping. O(blocks + mappings + ranges).
  public init(_ table: BlockTable, mappings: [Mapping], present: [Range<UInt64>]) {
    var known = Overlap(mappings.filter(\.isAnonymous).map { $0.start..<$0.end })
    var written = Overlap(present)
    for block in 0..<table.count where table.size(block) >= Self.smallest {
      let start = table.address(block)
      let range = start..<max(start, start &+ table.size(block))
      let bytes = known.bytes(of: range)
      let absent = bytes - min(written.bytes(of: range), bytes)
      if absent > 0 { blocks.append((block, absent)) }
    }
  }

  /// How much of ranges that come in order lies in others.
  private struct Overlap {
    let ranges: [Range<UInt64>]
    private var first = 0

    init(_ ranges: [Range<UInt64>]) { self.ranges = ranges }

    mutating func bytes(of range: Range<UInt64>) -> UInt64 {
      while first < ranges.count, ranges[first].upperBound <= range.lowerBound { first += 1 }
      var bytes: UInt64 = 0
      var next = first
      while next < ranges.count, ranges[next].lowerBound < range.upperBound {
        let part = ranges[next].clamped(to: range)
        bytes &+= part.upperBound - part.lowerBound
        next += 1
      }
      return bytes
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
