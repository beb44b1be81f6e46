import SwiftMetadata
import Testing

@testable import HeapGraph

/// Copies of `Data` are found by their bytes, which lie in blocks of their own.
@Suite struct DataCopyTests {
  /// `count` responses with as many storages, whose bytes are one of `contents`.
  ///
  /// - Parameter isWritten: whether blocks of a page and more take memory.
  private func waste(count: Int, contents: [[UInt64]], length: UInt64, isWritten: Bool = true) throws -> WasteReport {
    let heap = SyntheticHeap()
    let storage = heap.type(
      .class, "FoundationEssentials.__DataStorage",
      .fixed(size: 40, slots: [ReferenceSlot(offset: 16, strength: .pointer, path: "_bytes")]))
    let response = heap.classType("Response", fields: ["body", "next"])
    var next: UInt64 = 0
    for index in 0..<count {
      let bytes = heap.block(contents[index % contents.count])
      next = heap.block([response, 3, heap.block([storage, 3, bytes, length, 0]), next])
    }
    heap.root(next)
    let fields = ["_bytes", "_length", "_offset"].enumerated().map {
      StoredField(path: $0.element, offset: 16 + 8 * $0.offset, typeName: "Int")
    }
    let (analysis, image) = try heap.keepingReferences(
      context: HeapAnalysis.Context(instanceFields: { $0 == storage ? fields : [] }))
    let holders = try HeapHolders(analysis: analysis, image: image, symbols: OneGlobal())
    if !isWritten {
      holders.unwritten = UnwrittenBytes(holders.references.heap.blocks, mappings: image.mappings, present: [])
    }
    return try holders.waste()
  }

  private static let zeros = [UInt64](repeating: 0, count: 61)

  @Test func equalBytesAreCopies() throws {
    let waste = try waste(count: 40, contents: [[11] + Self.zeros, [12] + Self.zeros], length: 490)
    let data = try #require(waste.duplicates.first { $0.type.hasSuffix("__DataStorage") })
    #expect(data.blocks == 40 && data.distinct == 2)
    #expect(data.savedBytes == 38 * (62 * 8 + 40), "\(data.savedBytes)")
  }

  /// Room that was reserved and never written takes no memory: no copy of it gives any back, and all together are no more than what is in use.
  @Test func unwrittenRoomIsNotSaved() throws {
    let contents = [[UInt64(1)] + [UInt64](repeating: 0, count: 1000)]
    let written = try waste(count: 10, contents: contents, length: 8)
    #expect(written.duplicateBytes == 9 * (1001 * 8 + 40), "\(written.duplicateBytes)")
    let reserved = try waste(count: 10, contents: contents, length: 8, isWritten: false)
    #expect(reserved.duplicateBytes == 9 * 40 && reserved.duplicateBytes < reserved.reachableBytes)
  }

  /// Behind the last byte lies whatever was there before.
  @Test func roomBehindTheBytesDoesNotCount() throws {
    let contents = [UInt64(1), 2].map { [7] + Self.zeros.dropLast() + [$0] }
    #expect(try waste(count: 10, contents: contents, length: 488).duplicates.map(\.distinct) == [1])
    #expect(try waste(count: 10, contents: contents, length: 490).duplicates.map(\.distinct) == [2])
  }

  /// A length that the block has no room for is not believed, nor are bytes outside of the heap.
  @Test func tornStoragesAreNotCompared() throws {
    #expect(try waste(count: 10, contents: [[7, 8]], length: 17).duplicates.isEmpty)
    #expect(try waste(count: 10, contents: [[7, 8]], length: .max).duplicates.isEmpty)
    #expect(try waste(count: 10, contents: [[7, 8]], length: 0).duplicates.isEmpty)
  }
}
