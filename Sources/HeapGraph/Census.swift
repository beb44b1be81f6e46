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

/// Which types fill the heap: counts blocks by type; unknown ones by size, sizes above 1 KiB by powers of two.
struct Census {
  private struct Sum {
    var count = 0
    var bytes: UInt64 = 0

    mutating func add(_ size: UInt64) {
      count += 1
      bytes &+= size
    }
  }

  /// By index of the type.
  private var types: [Sum] = []
  /// By size class.
  private var unknown = [Sum](repeating: Sum(), count: SizeClass.count)

  var blockCount: Int { (types + unknown).reduce(0) { $0 + $1.count } }
  /// Number of blocks by index of their type.
  var counts: [Int] { [unknown.reduce(0) { $0 + $1.count }] + types.dropFirst().map(\.count) }
  var bytes: UInt64 { (types + unknown).reduce(0) { $0 &+ $1.bytes } }

  /// - Parameters:
  ///   - type: its index, `TypedHeap.unknown` for what has none.
  ///   - size: usable bytes.
  mutating func add(type: Int, size: UInt64) {
    if type == TypedHeap.unknown { return unknown[SizeClass.index(size)].add(size) }
    while types.count <= type { types.append(Sum()) }
    types[type].add(size)
  }

  /// Rows by bytes, largest first. Types of one name are one row. O(types).
  func rows(_ known: [ObjectType]) -> [CensusRow] {
    var rows: [String: CensusRow] = [:]
    func add(_ name: String, _ kind: ObjectType.Kind, _ sum: Sum) {
      guard sum.count > 0 else { return }
      var row = rows[name] ?? CensusRow(type: name, kind: kind, count: 0, bytes: 0)
      row.count += sum.count
      row.bytes += sum.bytes
      rows[name] = row
    }
    for (type, sum) in zip(known, types) { add(type.name, type.kind, sum) }
    for (index, sum) in unknown.enumerated() { add(SizeClass.name(index), .native, sum) }
    return rows.values.sorted { ($0.bytes, $1.type) > ($1.bytes, $0.type) }
  }

  /// O(blocks).
  ///
  /// - Parameter include: which blocks to count.
  static func rows(_ heap: TypedHeap, include: (Int) -> Bool = { _ in true }) -> [CensusRow] {
    var census = Census()
    var cursor = BlockCursor()
    for block in 0..<heap.blocks.count where include(block) {
      census.add(type: heap.typeIndex(block), size: heap.blocks.extent(block, &cursor).size)
    }
    return census.rows(heap.types)
  }

  /// The row that a block is counted in.
  fileprivate static func name(_ block: Int, _ heap: TypedHeap) -> String {
    let type = heap.typeIndex(block)
    return type == TypedHeap.unknown ? SizeClass.name(SizeClass.index(heap.blocks.size(block))) : heap.types[type].name
  }
}

/// Sizes that are one row of the census: each multiple of 8 up to 1 KiB, powers of two above.
private enum SizeClass {
  private static let mostExact: UInt64 = 1024
  private static let exactCount = Int(mostExact >> 3) + 1
  static let count = exactCount + 64

  static func index(_ size: UInt64) -> Int {
    size <= mostExact ? Int(size >> 3) : exactCount + 63 - size.leadingZeroBitCount
  }

  static func name(_ index: Int) -> String {
    guard index >= exactCount else { return "malloc(\(index << 3))" }
    let low = UInt64(1) << UInt64(index - exactCount)
    return "malloc(\(max(low, mostExact + 1))...\((low - 1) &* 2 + 1))"
  }
}
