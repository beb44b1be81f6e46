import Malloc
import ProcessImage
import SwiftMetadata

/// The contents of a standard library hash table, bucket by bucket.
struct HashTableReader {
  let shape: HashTableShape
  let key: ValueLayout
  let value: ValueLayout?
  private let bytes: [UInt8]
  private let bitmap: Int

  /// Largest storage that is read whole, in bytes.
  private static let largest: UInt64 = 256 << 20

  /// Nil where the block is no hash table, is too large, or cannot be read.
  init?(_ block: Int, heap: TypedHeap, memory: any MemoryReader) {
    guard case .hashTable(let bitmap, let key, let value) = heap.type(block).layout,
      let shape = HashTableShape(bitmap: bitmap, key: key, value: value, size: heap.blocks.size(block)),
      heap.blocks.size(block) <= Self.largest,
      let bytes = try? memory.bytes(at: heap.blocks.address(block), count: Int(heap.blocks.size(block)))
    else { return nil }
    // The block's own scale is the truth; where it contradicts the size, the block is torn.
    guard bytes.count >= 64, bytes[32] < 40, 1 << Int(bytes[32]) == shape.buckets, shape.size <= bytes.count else {
      return nil
    }
    self.shape = shape
    self.key = key
    self.value = value
    self.bitmap = bitmap
    self.bytes = bytes
  }

  /// Entries by the table's own count (swiftlang/swift stdlib/public/core, `__RawDictionaryStorage._count`), at most one a bucket.
  var count: Int { Int(min(word(16), UInt64(shape.buckets))) }

  func word(_ offset: Int) -> UInt64 {
    guard offset >= 0, offset + 8 <= bytes.count else { return 0 }
    return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
  }

  /// Calls `body` with the offsets of key and value of each occupied bucket, until it returns false.
  func forEachEntry(_ body: (_ key: Int, _ value: Int) -> Bool) {
    for group in 0..<max(1, shape.buckets / 64) {
      var bits = word(bitmap + group * 8)
      if shape.buckets < 64 { bits &= (1 << UInt64(shape.buckets)) - 1 }
      while bits != 0 {
        let bucket = group * 64 + bits.trailingZeroBitCount
        bits &= bits - 1
        if !body(shape.keys + bucket * key.stride, shape.values + bucket * (value?.stride ?? 0)) { return }
      }
    }
  }
}

/// Swift strings as they lie in memory: two words (swiftlang/swift stdlib/public/core/StringObject.swift).
struct StringWords: Hashable {
  var first: UInt64
  var object: UInt64

  /// Up to 15 UTF-8 units in the two words themselves.
  var isSmall: Bool { object >> 61 & 1 == 1 }
  var count: Int { isSmall ? Int(object >> 56 & 15) : Int(first & 0xffff_ffff_ffff) }
  /// First code unit; 32 behind the object, or the biased literal. Nil for small and foreign strings.
  var contents: UInt64? {
    guard !isSmall, object >> 60 & 1 == 0 else { return nil }
    return (object & 0x0fff_ffff_ffff_ffff) &+ 32
  }

  /// The text, at most `limit` bytes of it.
  func text(_ memory: any MemoryReader, limit: Int) -> [UInt8]? {
    if isSmall {
      return (0..<min(count, 15, limit)).map { index in
        UInt8(truncatingIfNeeded: (index < 8 ? first : object) >> UInt64(index % 8 * 8))
      }
    }
    guard let contents, count >= 0 else { return nil }
    return try? memory.bytes(at: contents, count: min(count, limit))
  }
}
