import Malloc
import SwiftMetadata

/// Blocks and bytes of one type.
public struct CensusRow: Sendable, Hashable, Codable {
  public var type: String
  public var kind: ObjectType.Kind
  public var count: Int
  /// Usable bytes of the blocks themselves (shallow size).
  public var bytes: UInt64

  public init(type: String, kind: ObjectType.Kind, count: Int, bytes: UInt64) {
    self.type = type
    self.kind = kind
    self.count = count
    self.bytes = bytes
  }
}

extension TypedHeap {
  /// By name of the census' rows: bytes of parts of blocks. O(parts).
  public func censusBytes(of parts: [(block: Int, bytes: UInt64)]) -> [String: UInt64] {
    var bytes: [String: UInt64] = [:]
    for (block, part) in parts { bytes[Census.name(block, self), default: 0] &+= part }
    return bytes
  }
}

/// Which types fill the heap.
struct Census {
  /// Rows by bytes, largest first. Types of one name are one row; unknown blocks are one row a size, sizes above 1 KiB a row
  /// per power of two. O(blocks).
  ///
  /// - Parameter include: which blocks to count.
  static func rows(_ heap: TypedHeap, include: (Int) -> Bool = { _ in true }) -> [CensusRow] {
    var counts = [Int](repeating: 0, count: heap.types.count)
    var bytes = [UInt64](repeating: 0, count: heap.types.count)
    var unknown: [ClosedRange<UInt64>: (count: Int, bytes: UInt64)] = [:]
    for block in 0..<heap.blocks.count where include(block) {
      let type = heap.typeIndex(block)
      let size = heap.blocks.size(block)
      if type == TypedHeap.unknown {
        let key = sizeClass(size)
        let row = unknown[key] ?? (0, 0)
        unknown[key] = (row.count + 1, row.bytes + size)
      } else {
        counts[type] += 1
        bytes[type] += size
      }
    }
    var rows: [String: CensusRow] = [:]
    func add(_ name: String, _ kind: ObjectType.Kind, _ count: Int, _ size: UInt64) {
      var row = rows[name] ?? CensusRow(type: name, kind: kind, count: 0, bytes: 0)
      row.count += count
      row.bytes += size
      rows[name] = row
    }
    for (index, type) in heap.types.enumerated() where counts[index] > 0 {
      add(type.name, type.kind, counts[index], bytes[index])
    }
    for (sizes, row) in unknown {
      add(name(sizes), .native, row.count, row.bytes)
    }
    return rows.values.sorted { ($0.bytes, $1.type) > ($1.bytes, $0.type) }
  }

  /// The row that a block is counted in.
  fileprivate static func name(_ block: Int, _ heap: TypedHeap) -> String {
    let type = heap.typeIndex(block)
    return type == TypedHeap.unknown ? name(sizeClass(heap.blocks.size(block))) : heap.types[type].name
  }

  private static func name(_ sizes: ClosedRange<UInt64>) -> String {
    sizes.count == 1 ? "malloc(\(sizes.lowerBound))" : "malloc(\(sizes.lowerBound)...\(sizes.upperBound))"
  }

  /// Sizes that are one row: exact ones up to 1 KiB, powers of two above.
  private static func sizeClass(_ size: UInt64) -> ClosedRange<UInt64> {
    guard size > 1024 else { return size...size }
    let low = UInt64(1) << (63 - UInt64(size.leadingZeroBitCount))
    return max(low, 1025)...(low - 1) &* 2 + 1
  }
}
