import Malloc
import ProcessImage
import SwiftMetadata
import Synchronization

/// What fills a heap, where there is no room to keep its blocks: each is typed and counted as the walk comes by.
///
/// Takes some megabytes, and 20 bytes for each block of `BlockTyper.smallestPool` and more, whatever the number of the others. Two
/// walks: the first finds the large blocks, without which a first word that points into another block cannot be told from metadata.
struct HeapSurvey {
  /// The walk, with large blocks only.
  let walk: HeapWalk
  let census: [CensusRow]
  let types: [ObjectType]
  let blockCount: Int
  let bytes: UInt64
  /// Number of blocks by index of their type.
  let countsByType: [Int]
  let typing: SurveyTyping

  /// - Parameters:
  ///   - large: what `largeBlocks` found.
  ///   - packer: is told where blocks begin.
  ///   - progress: the share done, 0...1.
  /// - Throws: `MallocError` where the heap contradicts itself.
  init(
    _ image: ProcessImage, large: HeapWalk, packer: BlockPacker? = nil, decoder: any ObjectTypeDecoder,
    objectSize: @escaping HeapWalk.ObjectSize, progress: (@Sendable (Double) -> Void)? = nil
  ) throws(MallocError) {
    typing = SurveyTyping(large, decoder, packer)
    // What is kept of it is only what the first walk has found already.
    _ = try HeapWalk.walk(
      image, into: BlockTable.Builder(keeping: .max ... .max, visitor: typing), progress: progress,
      objectSize: objectSize)
    walk = large
    let sums = typing.census
    types = typing.types
    census = sums.rows(types)
    (blockCount, bytes, countsByType) = (sums.blockCount, sums.bytes, sums.counts)
  }

  /// The first walk.
  ///
  /// - Returns: its large blocks, and where those of all sizes lie.
  static func largeBlocks(
    _ image: ProcessImage, objectSize: @escaping HeapWalk.ObjectSize, progress: (@Sendable (Double) -> Void)? = nil
  ) throws(MallocError) -> (walk: HeapWalk, extents: BlockExtents) {
    let count = Count()
    let walk = try HeapWalk.walk(
      image, into: BlockTable.Builder(keeping: BlockTyper.smallestPool ... .max, visitor: count), progress: progress,
      objectSize: objectSize)
    return (walk, count.extents)
  }

  private final class Count: BlockVisitor {
    private let state = Mutex(BlockExtents())

    var extents: BlockExtents { state.withLock { $0 } }
    func begin() { state.withLock { $0 = BlockExtents() } }
    func visit(_ blocks: UnsafeBufferPointer<BlockTable.Block>) { state.withLock { $0.add(blocks) } }
  }
}

/// Types blocks as a walk shows them, and counts or packs them.
final class SurveyTyping: BlockVisitor, @unchecked Sendable {
  // All behind the lock.
  private var typer: BlockTyper
  private var sums = Census()
  private let packer: BlockPacker?
  /// Types of packed blocks; nil while they are counted.
  private var packed: PackedTypes?
  private let lock = Mutex<Void>(())

  init(_ large: HeapWalk, _ decoder: any ObjectTypeDecoder, _ packer: BlockPacker?) {
    let owned = large.ownedRanges
    let blocks = large.blocks
    self.packer = packer
    typer = BlockTyper(decoder: decoder) { head in
      let index = owned.partitionIndex { $0.upperBound <= head }
      return index < owned.count && owned[index].contains(head) && blocks.index(containing: head) < 0
    }
  }

  var census: Census { lock.withLock { _ in sums } }
  var types: [ObjectType] { lock.withLock { _ in typer.types } }

  /// The next walk is for the ends of blocks, and for their types.
  func pack(_ types: PackedTypes) { lock.withLock { _ in packed = types } }

  func begin() {
    lock.withLock { _ in
      if packed == nil { sums = Census() }
      packer?.begin()
    }
  }

  func visit(_ blocks: UnsafeBufferPointer<BlockTable.Block>) {
    lock.withLock { _ in
      if let packer, let packed {
        packer.addEnds(blocks) { index, block in
          packed[index] = Int(typer.typeIndex(head: block.head, address: block.address, size: block.size))
        }
        return
      }
      for block in blocks {
        let type = typer.typeIndex(head: block.head, address: block.address, size: block.size)
        sums.add(type: Int(type), size: block.size)
      }
      packer?.addStarts(blocks)
    }
  }
}
