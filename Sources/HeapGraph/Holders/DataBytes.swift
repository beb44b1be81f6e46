import SwiftMetadata

/// Where storages of `Data` have their bytes: in a block of their own, which the storage alone keeps. Two of them are equal by what lies there.
///
/// swiftlang/swift-foundation Sources/FoundationEssentials/Data/Representations/DataStorage.swift, Swift 6.
final class DataBytes {
  /// Words of the object: the address of the first byte, their number, and the index that the first one has.
  struct Place {
    let bytes, count, firstIndex: Int
  }

  private let references: HeapReferences
  /// By type.
  private var known: [Int: Place?] = [:]

  init(_ references: HeapReferences) { self.references = references }

  /// Nil where the block is no such storage.
  func place(_ block: Int) -> Place? {
    let type = references.heap.typeIndex(block)
    if let place = known[type] { return place }
    let place = find(block)
    known[type] = .some(place)
    return place
  }

  private func find(_ block: Int) -> Place? {
    guard references.heap.type(block).name.hasSuffix("__DataStorage") else { return nil }
    let fields = references.context.instanceFields(references.heap.blocks.head(block))
    func word(_ name: String) -> Int? {
      fields.first { $0.path == name && $0.offset >= 16 && $0.offset & 7 == 0 && $0.offset < 512 }.map { $0.offset / 8 }
    }
    guard let bytes = word("_bytes"), let count = word("_length"), let firstIndex = word("_offset") else { return nil }
    return Place(bytes: bytes, count: count, firstIndex: firstIndex)
  }
}
