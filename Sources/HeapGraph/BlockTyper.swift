import SwiftMetadata

/// From blocks to types: one hash look-up a block; the decoder is asked once per distinct (first word, size).
struct BlockTyper {
  /// The Swift runtime takes metadata from pools of 16 KiB and larger (MetadataAllocator in swiftlang/swift
  /// stdlib/public/runtime/Metadata.cpp): what lies in a block below this size, in bytes, is none.
  static let smallestPool: UInt64 = 4096

  /// What typing has met so far; the first four are those of `TypedHeap`.
  private(set) var types: [ObjectType]
  private let decoder: any ObjectTypeDecoder
  private let isInSmallBlock: @Sendable (UInt64) -> Bool
  private var cache = TypeCache()
  private var known: [ObjectType: UInt32] = [:]

  /// - Parameter isInSmallBlock: whether an address lies in a heap block below `smallestPool`. A first word that points into one is a
  ///   list's link, not metadata.
  init(decoder: any ObjectTypeDecoder, isInSmallBlock: @escaping @Sendable (UInt64) -> Bool) {
    self.decoder = decoder
    self.isInSmallBlock = isInSmallBlock
    types = [
      ObjectType(kind: .native, name: "", layout: .conservative),
      ObjectType(kind: .native, name: TypedHeap.allocatorInternalName, layout: .none),
      ObjectType(kind: .sideTable, name: "weak reference side table", layout: .sideTable),
      ObjectType(kind: .sideTable, name: TypedHeap.emptySideTableName, layout: .sideTable),
    ]
  }

  /// Index into `types`; `TypedHeap.unknown` for what is no object.
  @inline(__always)
  mutating func typeIndex(head: UInt64, address: UInt64, size: UInt64) -> UInt32 {
    // Metadata is aligned, and a user-space address. Of texts those of the runtime's warnings tell what they are.
    guard head & 7 == 0 && head > 0xffff && head < 1 << 47 || head == MetadataDecoder.warningHead else {
      return UInt32(TypedHeap.unknown)
    }
    if let cached = cache.find(head: head, size: size) { return cached }
    return decode(head: head, address: address, size: size)
  }

  private mutating func decode(head: UInt64, address: UInt64, size: UInt64) -> UInt32 {
    if isInSmallBlock(head) { return UInt32(TypedHeap.unknown) }
    let type = decoder.objectType(head: head, address: address, size: size)
    var index = UInt32(TypedHeap.unknown)
    if let type {
      if let found = known[type] {
        index = found
      } else {
        index = UInt32(types.count)
        types.append(type)
        known[type] = index
      }
    }
    // What an error or a generic box is, its own bytes say: those are asked for each block.
    if type?.kind != .error && type?.kind != .box { cache.insert(head: head, size: size, index) }
    return index
  }
}

/// (first word, size) -> type, open addressing with linear probing: the look-up that is made once a block.
private struct TypeCache {
  private var keys: [UInt64]
  private var sizes: [UInt64]
  private var values: [UInt32]
  private var used = 0
  private var mask: Int

  init() {
    mask = (1 << 14) - 1
    keys = Array(repeating: 0, count: mask + 1)
    sizes = Array(repeating: 0, count: mask + 1)
    values = Array(repeating: 0, count: mask + 1)
  }

  @inline(__always)
  private func slot(_ head: UInt64, _ size: UInt64) -> Int {
    // Fibonacci hashing (Knuth, TAOCP 6.4).
    Int(truncatingIfNeeded: ((head ^ (size &* 0xff51_afd7_ed55_8ccd)) &* 0x9e37_79b9_7f4a_7c15) >> 20)
  }

  @inline(__always)
  func find(head: UInt64, size: UInt64) -> UInt32? {
    var index = slot(head, size) & mask
    while keys[index] != 0 {
      if keys[index] == head && sizes[index] == size { return values[index] }
      index = (index + 1) & mask
    }
    return nil
  }

  mutating func insert(head: UInt64, size: UInt64, _ value: UInt32) {
    if used * 2 > mask {
      // A program with millions of distinct first words (a C list) must not grow this without bound: start afresh.
      if mask >= (1 << 20) - 1 {
        self = TypeCache()
      } else {
        let old = self
        mask = mask * 2 + 1
        keys = Array(repeating: 0, count: mask + 1)
        sizes = Array(repeating: 0, count: mask + 1)
        values = Array(repeating: 0, count: mask + 1)
        used = 0
        for index in old.keys.indices where old.keys[index] != 0 {
          insert(head: old.keys[index], size: old.sizes[index], old.values[index])
        }
      }
    }
    var index = slot(head, size) & mask
    while keys[index] != 0 { index = (index + 1) & mask }
    keys[index] = head
    sizes[index] = size
    values[index] = value
    used += 1
  }
}
