import SwiftMetadata

/// Where a standard library hash table of a given size keeps its parts, in bytes from the block's start.
///
/// `_HashTable` storage is tail-allocated: bitmap, keys, values, each at its alignment; buckets are a power of two
/// (swiftlang/swift stdlib/public/core/DictionaryStorage.swift, `_DictionaryStorage.allocate(scale:age:seed:)`).
struct HashTableShape: Sendable, Hashable {
  var buckets: Int
  var keys: Int
  var values: Int
  /// Bytes that the storage asks `malloc` for.
  var size: Int

  init(bitmap: Int, key: ValueLayout, value: ValueLayout?, buckets: Int) {
    self.buckets = buckets
    keys = (bitmap + max(buckets / 8, 8)).aligned(to: key.alignment)
    let keysEnd = keys + buckets * key.stride
    values = value.map { keysEnd.aligned(to: $0.alignment) } ?? keysEnd
    size = values + buckets * (value?.stride ?? 0)
  }

  /// The largest table that fits; sizes double with each step, so it is the one. Nil where not even two buckets do.
  init?(bitmap: Int, key: ValueLayout, value: ValueLayout?, size: UInt64) {
    var best: HashTableShape?
    var buckets = 1
    while buckets < 1 << 40 {
      let shape = HashTableShape(bitmap: bitmap, key: key, value: value, buckets: buckets)
      guard UInt64(clamping: shape.size) <= size else { break }
      best = shape
      buckets *= 2
    }
    guard let best, best.buckets >= 2 || size < 128 else { return nil }
    self = best
  }
}
