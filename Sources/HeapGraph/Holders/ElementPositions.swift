import Malloc
import ProcessImage
import SwiftMetadata

/// Which element, or which key's value, a reference in a container's storage is.
struct ElementPositions {
  let references: HeapReferences
  /// Keys that are strings are contents: shown only where these were asked for.
  let showContents: Bool

  private static let longestKey = 40

  /// `[17]`, `[key 42]`, `["abc"]`; nil where the block is no container.
  func text(_ block: Int, _ offset: UInt64) -> String? {
    let heap = references.heap
    let size = heap.blocks.size(block)
    switch heap.type(block).layout {
    case .array(let elements, let element):
      guard let index = Self.index(offset, elements, element.stride) else { return nil }
      return "[\(index)]"
    case .ring(let elements, let element):
      guard let slot = Self.index(offset, elements, element.stride), let capacity = word(block, 16),
        let start = word(block, 32), slot < capacity, start < capacity
      else { return nil }
      return "[\(slot >= start ? slot - start : slot + capacity - start)]"
    case .hashTable(let bitmap, let key, let value):
      guard let shape = HashTableShape(bitmap: bitmap, key: key, value: value, size: size) else { return nil }
      if let value, let bucket = Self.index(offset, shape.values, value.stride) {
        return "[\(self.key(block, shape, key, bucket))]"
      }
      guard let bucket = Self.index(offset, shape.keys, key.stride) else { return nil }
      return value == nil ? "[element in bucket \(bucket)]" : "[key in bucket \(bucket)]"
    default: return nil
    }
  }

  private static func index(_ offset: UInt64, _ start: Int, _ stride: Int) -> UInt64? {
    stride > 0 && offset >= UInt64(start) ? (offset - UInt64(start)) / UInt64(stride) : nil
  }

  private func word(_ block: Int, _ offset: UInt64) -> UInt64? {
    guard offset &+ 8 <= references.heap.blocks.size(block) else { return nil }
    return try? references.memory.load(UInt64.self, at: references.heap.blocks.address(block) &+ offset)
  }

  /// The key of a bucket, as a developer would write it.
  private func key(_ block: Int, _ shape: HashTableShape, _ key: ValueLayout, _ bucket: UInt64) -> String {
    let unknown = "value in bucket \(bucket)"
    guard bucket < UInt64(shape.buckets) else { return unknown }
    let offset = UInt64(shape.keys) + bucket * UInt64(key.stride)
    switch KeyCounter.kind(key.typeName) {
    case .integers where key.size == 8 && offset & 7 == 0:
      guard let word = word(block, offset) else { return unknown }
      return key.typeName.hasPrefix("U") ? String(word) : String(Int64(bitPattern: word))
    case .strings where showContents:
      guard let first = word(block, offset), let object = word(block, offset + 8),
        let text = StringWords(first: first, object: object).text(references.memory, limit: Self.longestKey)
      else { return unknown }
      return "\"\(String(decoding: text, as: UTF8.self))\""
    default: return unknown
    }
  }
}
