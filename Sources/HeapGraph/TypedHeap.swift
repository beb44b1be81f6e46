import Malloc
import ProcessImage
import SwiftMetadata

/// Every live block with its type: the nodes of the graph.
///
/// Types are few (tens to thousands), blocks are many, so a block holds a 32-bit index into `types`, or a few bits of a code for it.
public final class TypedHeap: @unchecked Sendable {
  public let walk: HeapWalk
  public var blocks: BlockTable { walk.blocks }
  /// Index 0 is `unknown`, 1 the allocator's own blocks, 2 and 3 side tables.
  public private(set) var types: [ObjectType]
  private let typeIndices: FlatArray<UInt32>
  /// All of them, where there was no room for a column.
  private let packed: PackedTypes?

  /// A block that no metadata and no symbol explains.
  public static let unknown = 0
  public static let unknownName = "untyped block"
  /// The allocator's own bookkeeping in a live block (a thread cache).
  public static let allocatorInternal = 1
  public static let allocatorInternalName = "malloc thread cache"
  /// A weak-reference side table.
  public static let sideTable = 2
  /// One whose object is gone: only weak references keep it.
  static let emptySideTable = 3
  public static let emptySideTableName = "side table of an object that is gone"
  /// Texts that the runtime keeps of its warnings about continuations.
  public static let runtimeWarningsName = ObjectType.runtimeWarnings
  /// What libdispatch keeps for reuse, for each thread of its pool.
  public static let spareContinuationName = "spare dispatch continuation"

  /// Types every block. One hash look-up a block; the decoder is asked once per distinct (first word, size).
  ///
  /// - Parameter progress: called now and then with the share done, 0...1.
  public init(walk: HeapWalk, decoder: any ObjectTypeDecoder, progress: ((Double) -> Void)? = nil) {
    self.walk = walk
    let blocks = walk.blocks
    typeIndices = FlatArray(repeating: 0, count: blocks.count)
    packed = nil
    var typer = BlockTyper(decoder: decoder) { head in
      let holder = blocks.index(containing: head)
      return holder >= 0 && blocks.size(holder) < BlockTyper.smallestPool
    }
    for index in 0..<blocks.count {
      if index & 0xfffff == 0 { progress?(Double(index) / Double(blocks.count)) }
      typeIndices[index] = typer.typeIndex(
        head: blocks.head(index), address: blocks.address(index), size: blocks.size(index))
    }
    types = typer.types
    typeInternalBlocks()
  }

  /// Of blocks that have their types already.
  init(walk: HeapWalk, types: [ObjectType], indices: PackedTypes) {
    self.walk = walk
    self.types = types
    typeIndices = FlatArray(repeating: 0, count: 0)
    packed = indices
    typeInternalBlocks()
  }

  private func typeInternalBlocks() {
    for address in walk.internalBlocks {
      let index = blocks.index(startingAt: address)
      if index >= 0 { retype(index, Self.allocatorInternal) }
    }
  }

  /// Index into `types` of a block's type.
  @inline(__always)
  public func typeIndex(_ block: Int) -> Int {
    if let packed { return packed[block] }
    return Int(typeIndices[block])
  }

  /// Type of a block. O(1); copies the type, with the reference counts of its names and fields.
  public func type(_ block: Int) -> ObjectType { types[typeIndex(block)] }

  /// Blocks whose types are of these kinds, ascending. O(blocks + types).
  func blocks(of kinds: ObjectType.Kind...) -> some Sequence<Int> {
    // Asked once a type: to ask a block for its type copies the type, with the reference counts of its names and fields.
    let isWanted = types.map { kinds.contains($0.kind) }
    return (0..<blocks.count).lazy.filter { isWanted[self.typeIndex($0)] }
  }

  /// Marking found that a block is a side table, or a buffer without references.
  func retype(_ block: Int, _ type: Int) {
    if let packed { packed[block] = type } else { typeIndices[block] = UInt32(type) }
  }

  /// Adds a type that no metadata describes, and returns its index.
  func addType(_ type: ObjectType) -> Int {
    types.append(type)
    return types.count - 1
  }
}
