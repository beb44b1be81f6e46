import ProcessImage

/// The blocks of a heap in about 1.2 bits a block and 0.83 % of the heap, for when there is no room for 20 bytes a block.
///
/// A bit says where a block begins. Most blocks end where the header of the next one begins, so sizes are kept of the others only: four bytes
/// each. First words are read from the image.
@usableFromInline
final class PackedBlocks: Sendable {
  let starts: PackedStarts
  private let sizes: PackedSizes
  private let memory: PagedMemory
  @usableFromInline let count: Int
  let totalBytes: UInt64

  /// Bytes that malloc keeps in front of a block.
  private static let header: UInt64 = 8

  /// Where a block begins that follows directly.
  @inline(__always)
  static func follower(of address: UInt64, size: UInt64) -> UInt64 { address &+ size &+ header }

  /// - Parameters:
  ///   - starts: settled.
  ///   - sizes: of the blocks that are not followed directly by another one.
  ///   - memory: where first words are read.
  init(_ starts: PackedStarts, _ sizes: consuming PackedSizes, memory: any MemoryReader) {
    totalBytes = Self.sum(starts, sizes)
    count = starts.count
    self.starts = starts
    self.sizes = sizes
    self.memory = PagedMemory(memory, pageCount: 256)
  }

  private static func sum(_ starts: PackedStarts, _ sizes: borrowing PackedSizes) -> UInt64 {
    var sum: UInt64 = 0
    var index = 0
    starts.visitAll { place in
      sum &+= sizes.size(index) ?? distance(starts, place)
      index += 1
    }
    return sum
  }

  /// Usable bytes of a block that the next one follows directly.
  @inline(__always)
  private static func distance(_ starts: PackedStarts, _ place: PackedStarts.Place) -> UInt64 {
    let address = starts.address(place)
    guard let next = starts.next(after: place), next - address >= header else { return 0 }
    return next - address - header
  }

  @inline(__always)
  func size(_ index: Int, _ place: PackedStarts.Place) -> UInt64 {
    sizes.size(index) ?? Self.distance(starts, place)
  }

  /// As `BlockTable.address(_:)`. O(log blocks).
  @usableFromInline
  func address(_ index: Int) -> UInt64 { starts.address(starts.block(index)) }

  /// As `BlockTable.size(_:)`. O(log blocks).
  @usableFromInline
  func size(_ index: Int) -> UInt64 { size(index, starts.block(index)) }

  /// As `BlockTable.head(_:)`; 0 where the image has no such memory any more.
  @usableFromInline
  func head(_ index: Int) -> UInt64 { (try? memory.load(UInt64.self, at: address(index))) ?? 0 }

  /// As `BlockTable.index(containing:)`. O(log regions), and the distance to the block's first byte.
  @usableFromInline
  func index(containing address: UInt64) -> Int {
    guard let place = starts.block(atOrBefore: address) else { return -1 }
    let start = starts.address(place)
    let index = starts.index(place)
    return start == address || address - start < size(index, place) ? index : -1
  }

  /// As `BlockTable.index(startingAt:)`. O(log regions).
  @usableFromInline
  func index(startingAt address: UInt64) -> Int { starts.block(startingAt: address).map(starts.index) ?? -1 }
}
