import Malloc
import ProcessImage
import SwiftMetadata

/// Every live block with its type: the nodes of the graph.
///
/// Types are few (tens to thousands), blocks are many, so a block holds a 32-bit index into `types`.
public final class TypedHeap: @unchecked Sendable {
  public let walk: HeapWalk
  public var blocks: BlockTable { walk.blocks }
  /// Index 0 is `unknown`, 1 the allocator's own blocks, 2 and 3 side tables.
  public private(set) var types: [ObjectType]
  private let typeIndices: FlatArray<UInt32>

  /// A block that no metadata and no symbol explains.
  public static let unknown = 0
  /// The allocator's own bookkeeping in a live block (a thread cache).
  public static let allocatorInternal = 1
  public static let allocatorInternalName = "malloc thread cache"
  /// A weak-reference side table.
  public static let sideTable = 2
  /// One whose object is gone: only weak references keep it.
  static let emptySideTable = 3
  public static let emptySideTableName = "side table of an object that is gone"

  /// Types every block. One hash look-up a block; the decoder is asked once per distinct (first word, size).
  ///
  /// - Parameter progress: called now and then with the share done, 0...1.
  public init(walk: HeapWalk, decoder: any ObjectTypeDecoder, progress: ((Double) -> Void)? = nil) {
    self.walk = walk
    types = [
      ObjectType(kind: .native, name: "", layout: .conservative),
      ObjectType(kind: .native, name: Self.allocatorInternalName, layout: .none),
      ObjectType(kind: .sideTable, name: "weak reference side table", layout: .sideTable),
      ObjectType(kind: .sideTable, name: Self.emptySideTableName, layout: .sideTable),
    ]
    let blocks = walk.blocks
    typeIndices = FlatArray(repeating: 0, count: blocks.count)
    var cache = TypeCache()
    var known: [ObjectType: UInt32] = [:]
    for index in 0..<blocks.count {
      if index & 0xfffff == 0 { progress?(Double(index) / Double(blocks.count)) }
      let head = blocks.head(index)
      // Metadata is aligned, and a user-space address.
      guard head & 7 == 0, head > 0xffff, head < 1 << 47 else { continue }
      let size = blocks.size(index)
      if let cached = cache.find(head: head, size: size) {
        typeIndices[index] = cached
        continue
      }
      // A first word that points into a small heap block is a list's link, not metadata: the Swift runtime takes metadata
      // from pools of 16 KiB and larger (MetadataAllocator in swiftlang/swift stdlib/public/runtime/Metadata.cpp).
      let holder = blocks.index(containing: head)
      if holder >= 0 && blocks.size(holder) < 4096 { continue }
      let type = decoder.objectType(head: head, address: blocks.address(index), size: size)
      var typeIndex: UInt32 = 0
      if let type {
        if let found = known[type] {
          typeIndex = found
        } else {
          typeIndex = UInt32(types.count)
          types.append(type)
          known[type] = typeIndex
        }
      }
      typeIndices[index] = typeIndex
      // What an error or a generic box is, its own bytes say: those are asked for each block.
      if type?.kind != .error && type?.kind != .box { cache.insert(head: head, size: size, typeIndex) }
    }
    for address in walk.internalBlocks {
      let index = blocks.index(startingAt: address)
      if index >= 0 { typeIndices[index] = UInt32(Self.allocatorInternal) }
    }
  }

  /// Index into `types` of a block's type.
  @inline(__always)
  public func typeIndex(_ block: Int) -> Int { Int(typeIndices[block]) }

  public func type(_ block: Int) -> ObjectType { types[typeIndex(block)] }

  /// Marking found that a block is a side table, or a buffer without references.
  func retype(_ block: Int, _ type: Int) { typeIndices[block] = UInt32(type) }

  /// Adds a type that no metadata describes, and returns its index.
  func addType(_ type: ObjectType) -> Int {
    types.append(type)
    return types.count - 1
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
