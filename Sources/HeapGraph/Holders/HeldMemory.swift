import Malloc
import ProcessImage

/// What one holder keeps: the blocks that would go with it, which `memwhy retained` counts for it.
public struct HeldMemory: Sendable {
  /// The holder in the words of `memwhy retained`.
  public let title: String
  public let bytes: UInt64
  public let blocks: Int
  private let members: Bitmap
  private let table: BlockTable

  /// - Parameter vertices: of the dominator tree; what one of them keeps counts once.
  init(title: String, vertices: [UInt32], in holders: HeapHolders) {
    let tree = holders.tree
    let blockCount = holders.graph.blockCount
    table = holders.references.heap.blocks
    members = Bitmap(count: blockCount)
    var pending = vertices
    var bytes: UInt64 = 0
    var blocks = 0
    while let vertex = pending.popLast() {
      let node = tree.node(Int(vertex))
      if node < blockCount {
        guard members.insertIfAbsent(node) else { continue }
        bytes += table.size(node)
        blocks += 1
      }
      tree.forEachChild(of: Int(vertex)) { pending.append(UInt32($0)) }
    }
    self.title = title
    self.bytes = bytes
    self.blocks = blocks
  }

  /// Whether the holder keeps the block of `size` bytes that `malloc` returned at `address`. False where another block has that address by
  /// now. O(log blocks).
  public func keeps(address: UInt64, size: UInt64) -> Bool {
    let block = table.index(startingAt: address)
    guard block >= 0, members.contains(block) else { return false }
    return AllocationStacks.mayBe(size: size, usableBytes: table.size(block))
  }
}

extension HeapHolders {
  /// The memory that the holder of this name keeps.
  ///
  /// - Parameter path: as `memwhy retained` and `memwhy diff` print it: a root, a type, or a way from one of them along fields,
  ///   `cache : [Int64 : Entry] -> [Int64 : Entry] storage[value].offers -> [String : Offer] storage`. Counts, white space, the kind
  ///   of a root and its type may be left out.
  /// - Throws: `HoldersError.noSuchHolder`, `.severalHolders`; `MemoryError`.
  public func held(by path: String) throws -> HeldMemory {
    var search = HolderSearch(self, path: path)
    return try search.run()
  }
}
