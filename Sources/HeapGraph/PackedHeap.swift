import Malloc
import ProcessImage
import SwiftMetadata

/// All blocks of a heap with their types in one to two bytes each, for when there is no room for forty: enough to mark what is reached and to
/// find leaks.
struct PackedHeap {
  let heap: TypedHeap
  /// What it takes, and marking on it, in bytes.
  let bytes: UInt64

  /// Marking: marked, found, next, and the targets of weak and unowned references; a bit a block each.
  private static let markingBits: UInt64 = 5

  /// At least what it takes, in bytes.
  static func need(_ extents: BlockExtents) -> UInt64 {
    extents.packedBytes &+ UInt64(extents.count) &* (4 + markingBits) / 8
  }

  /// What it takes where types are known.
  static func need(_ extents: BlockExtents, _ survey: HeapSurvey) -> UInt64 {
    extents.packedBytes &+ UInt64(extents.count) &* markingBits / 8
      &+ PackedTypes.bytes(extents.count, survey.countsByType)
  }

  /// Packs the blocks that a survey has typed: the third walk of the heap.
  ///
  /// - Parameters:
  ///   - packer: what the survey has filled.
  ///   - room: in bytes.
  /// - Returns: nil where there is no room, or the walks contradicted each other.
  init?(
    _ image: ProcessImage, _ extents: BlockExtents, _ packer: BlockPacker, survey: HeapSurvey, room: UInt64,
    objectSize: @escaping HeapWalk.ObjectSize
  ) throws(MallocError) {
    bytes = Self.need(extents, survey)
    guard bytes <= room else { return nil }
    let types = PackedTypes(count: packer.settleStarts(), counts: survey.countsByType)
    survey.typing.pack(types)
    _ = try HeapWalk.walk(
      image, into: BlockTable.Builder(keeping: .max ... .max, visitor: survey.typing), objectSize: objectSize)
    guard let table = packer.build() else { return nil }
    var walk = survey.walk
    walk.blocks = table
    heap = TypedHeap(walk: walk, types: survey.typing.types, indices: types)
  }
}
