import Malloc
import ProcessImage
import SwiftMetadata

/// Storages whose bytes lie behind a pointer: `Data`, SwiftNIO's `ByteBuffer`.
extension ContainerReader {
  /// Fields with the bytes in use, where the storage knows, and the bytes there is room for.
  private static let byteStorages: [(type: String, used: String?, room: String)] = [
    // swiftlang/swift-foundation Sources/FoundationEssentials/Data/Representations/DataStorage.swift
    ("__DataStorage", "_length", "_capacity"),
    // apple/swift-nio Sources/NIOCore/ByteBuffer-core.swift; how much is written, each ByteBuffer knows for itself.
    ("ByteBuffer._Storage", nil, "capacity"),
  ]

  /// - Returns: nil where the blocks' type is none of these.
  func byteSummary(_ blocks: [UInt32], behind: UInt64) throws(MemoryError) -> ContainerSummary? {
    guard let first = blocks.first,
      let row = Self.byteStorages.first(where: { heap.type(Int(first)).name.hasSuffix($0.type) })
    else { return nil }
    let fields = references.context.instanceFields(heap.blocks.head(Int(first)))
    guard let room = fields.first(where: { $0.path == row.room }).map(Number.init) else { return nil }
    let used = row.used.flatMap { name in fields.first { $0.path == name } }.map(Number.init) ?? room
    var summary = ContainerSummary(
      kind: .bytes, keyType: nil, valueType: nil, containers: blocks.count, entries: 0, slots: 0, inlineBytes: 0,
      behindBytes: behind, emptyBytes: 0)
    let window = MemoryWindow(references.memory)
    for block in blocks.sorted() {
      let address = heap.blocks.address(Int(block))
      let size = heap.blocks.size(Int(block))
      summary.inlineBytes += size
      let end = address + min(size & ~7, 512)
      guard try window.load(address..<end) else { continue }
      let entries = used.read(window, address..<end)
      summary.entries += entries
      summary.slots += max(room.read(window, address..<end), entries)
    }
    summary.emptyBytes = summary.slots - summary.entries
    return summary
  }

  /// An integer field of 32 or 64 bits.
  private struct Number {
    let offset: UInt64
    let isHalf: Bool

    init(_ field: StoredField) {
      offset = UInt64(max(0, field.offset))
      isHalf = field.typeName.hasSuffix("32")
    }

    func read(_ window: MemoryWindow, _ object: Range<UInt64>) -> UInt64 {
      let start = object.lowerBound &+ offset & ~7
      guard start >= object.lowerBound, start &+ 8 <= object.upperBound else { return 0 }
      let word = window.word(start) >> (offset & 7 * 8)
      // No buffer is larger; a torn number must not overflow the sum.
      return min(isHalf ? word & 0xffff_ffff : word, 1 << 46)
    }
  }
}
