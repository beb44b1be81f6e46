import SwiftMetadata

/// Bytes that the standard library's containers and `malloc` take for a given number of entries, exact.
///
/// Storage of `_DictionaryStorage`, `_ContiguousArrayStorage` and class instances as `swift_allocObject` asks for it, rounded as glibc
/// does: chunk(n) = max(32, (n + 8) rounded up to 16) (glibc malloc/malloc.c, `request2size`).
struct StorageShapes {
  let key: ValueLayout
  let value: ValueLayout
  let entries: Int

  static func chunk(_ bytes: Int) -> UInt64 { UInt64(max(32, (bytes + 8 + 15) & ~15)) }

  /// Buckets for `entries`: the smallest power of two that is at most three quarters full.
  static func buckets(for entries: Int) -> Int {
    var buckets = 2
    while entries * 4 > buckets * 3 { buckets *= 2 }
    return buckets
  }

  func dictionary(buckets: Int, valueStride: Int, valueAlignment: Int) -> UInt64 {
    let stored = ValueLayout(
      typeName: "", size: valueStride, stride: valueStride, alignment: valueAlignment, slots: [])
    return Self.chunk(HashTableShape(bitmap: 64, key: key, value: stored, buckets: buckets).size)
  }

  /// - Parameters:
  ///   - differingBytes: of a value; nil where that is not known.
  ///   - haveAllKeys: every container has the same keys; else a container has to say which of them it has.
  func shapes(
    buckets: Int, isShareable: Bool, differingBytes: Int?, haveAllKeys: Bool
  ) -> [ValueSummary.Shape] {
    let needed = Self.buckets(for: entries)
    let pairAlignment = max(key.alignment, value.alignment, 1)
    let pairSize = (key.size + value.alignment - 1) / max(1, value.alignment) * max(1, value.alignment) + value.size
    let pair = (pairSize + pairAlignment - 1) / pairAlignment * pairAlignment
    let references = dictionary(buckets: needed, valueStride: 8, valueAlignment: 8)
    var shapes = [
      ValueSummary.Shape(
        kind: .inline,
        bytesPerContainer: dictionary(buckets: buckets, valueStride: value.stride, valueAlignment: value.alignment)),
      ValueSummary.Shape(
        kind: .boxed, bytesPerContainer: references + UInt64(entries) * Self.chunk(16 + value.size)),
      ValueSummary.Shape(kind: .exactArray, bytesPerContainer: Self.chunk(32 + entries * pair)),
    ]
    if isShareable { shapes.append(ValueSummary.Shape(kind: .shared, bytesPerContainer: references)) }
    if let differingBytes {
      let stride = (differingBytes + 7) & ~7 + (haveAllKeys ? 0 : 8)
      shapes.append(
        ValueSummary.Shape(
          kind: .differenceOnly, bytesPerContainer: stride == 0 ? 0 : Self.chunk(32 + entries * stride)))
    }
    return shapes
  }

  /// Room and contents of one container.
  struct Table: Hashable {
    var buckets: Int
    var entries: Int
  }

  /// Bytes a container in each shape, on the average of `tables`, which are counted by size: one large table among many small ones, whose
  /// entries are alike, would speak for all of them otherwise. O(different sizes).
  static func average(
    of tables: [Table: Int], key: ValueLayout, value: ValueLayout, isShareable: Bool, differingBytes: Int?,
    haveAllKeys: Bool
  ) -> [ValueSummary.Shape] {
    var sums: [(kind: ValueSummary.Shape.Kind, bytes: UInt64)] = []
    var containers: UInt64 = 0
    for (table, count) in tables {
      let shapes = StorageShapes(key: key, value: value, entries: table.entries).shapes(
        buckets: table.buckets, isShareable: isShareable, differingBytes: differingBytes, haveAllKeys: haveAllKeys)
      if sums.isEmpty { sums = shapes.map { ($0.kind, 0) } }
      for (index, shape) in shapes.enumerated() {
        sums[index].bytes &+= shape.bytesPerContainer &* UInt64(clamping: count)
      }
      containers &+= UInt64(clamping: count)
    }
    guard containers > 0 else { return [] }
    return sums.map {
      ValueSummary.Shape(kind: $0.kind, bytesPerContainer: ($0.bytes &+ containers / 2) / containers)
    }
  }
}
