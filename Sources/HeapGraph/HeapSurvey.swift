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

  /// - Parameters:
  ///   - large: what `largeBlocks` found.
  ///   - progress: the share done, 0...1.
  /// - Throws: `MallocError` where the heap contradicts itself.
  init(
    _ image: ProcessImage, large: HeapWalk, decoder: any ObjectTypeDecoder, objectSize: @escaping HeapWalk.ObjectSize,
    progress: (@Sendable (Double) -> Void)? = nil
  ) throws(MallocError) {
    let tally = Tally(large, decoder)
    // What is kept of it is only what the first walk has found already.
    _ = try HeapWalk.walk(
      image, into: BlockTable.Builder(keeping: .max ... .max, visitor: tally), progress: progress,
      objectSize: objectSize)
    walk = large
    (census, types, blockCount, bytes) = tally.result()
  }

  /// The first walk.
  ///
  /// - Returns: its large blocks, and how many there are of all sizes.
  static func largeBlocks(
    _ image: ProcessImage, objectSize: @escaping HeapWalk.ObjectSize, progress: (@Sendable (Double) -> Void)? = nil
  ) throws(MallocError) -> (walk: HeapWalk, blockCount: Int) {
    let count = Count()
    let walk = try HeapWalk.walk(
      image, into: BlockTable.Builder(keeping: BlockTyper.smallestPool ... .max, visitor: count), progress: progress,
      objectSize: objectSize)
    return (walk, count.blocks)
  }

  private final class Count: BlockVisitor {
    private let count = Atomic<Int>(0)

    var blocks: Int { count.load(ordering: .relaxed) }
    func begin() { count.store(0, ordering: .relaxed) }
    func visit(_ blocks: UnsafeBufferPointer<BlockTable.Block>) { count.wrappingAdd(blocks.count, ordering: .relaxed) }
  }

  private final class Tally: BlockVisitor, @unchecked Sendable {
    // Both behind the lock.
    private var typer: BlockTyper
    private var census = Census()
    private let lock = Mutex<Void>(())

    init(_ large: HeapWalk, _ decoder: any ObjectTypeDecoder) {
      let owned = large.ownedRanges
      let blocks = large.blocks
      typer = BlockTyper(decoder: decoder) { head in
        let index = owned.partitionIndex { $0.upperBound <= head }
        return index < owned.count && owned[index].contains(head) && blocks.index(containing: head) < 0
      }
    }

    func begin() { lock.withLock { _ in census = Census() } }

    func visit(_ blocks: UnsafeBufferPointer<BlockTable.Block>) {
      lock.withLock { _ in
        for block in blocks {
          let type = typer.typeIndex(head: block.head, address: block.address, size: block.size)
          census.add(type: Int(type), size: block.size)
        }
      }
    }

    func result() -> (rows: [CensusRow], types: [ObjectType], blocks: Int, bytes: UInt64) {
      lock.withLock { _ in (census.rows(typer.types), typer.types, census.blockCount, census.bytes) }
    }
  }
}
