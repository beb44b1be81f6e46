import Malloc
import ProcessImage
import SwiftMetadata

/// What containers of one kind hold: how many entries, in how much room.
public struct ContainerSummary: Sendable, Hashable, Codable {
  public enum Kind: String, Sendable, Hashable, Codable {
    case array, deque, dictionary, set, string
    /// Bytes in a block of their own: `Data`, SwiftNIO's `ByteBuffer`.
    case bytes
  }

  public var kind: Kind
  /// Type of the keys of a dictionary, of the elements of a set.
  public var keyType: String?
  /// Type of the values of a dictionary, of the elements of an array.
  public var valueType: String?
  public var containers: Int
  public var entries: UInt64
  /// Entries that fit without growing: buckets, spare capacity.
  public var slots: UInt64
  /// Bytes of the containers' own storage.
  public var inlineBytes: UInt64
  /// Bytes that hang on the entries.
  public var behindBytes: UInt64
  /// Bytes of empty buckets or spare capacity, of `inlineBytes`.
  public var emptyBytes: UInt64
  public var keys: KeySummary?
  public var values: ValueSummary?

  /// Bytes that go with an entry, on the average.
  public var bytesPerEntry: UInt64 { entries == 0 ? 0 : (inlineBytes + behindBytes) / entries }
}

/// Reads containers' storage.
struct ContainerReader {
  let references: HeapReferences
  var showContents = false

  var heap: TypedHeap { references.heap }
  /// Entries looked at where there are more.
  private static let sampleEntries = 400_000
  private static let sampleBlocks = 8_000

  /// - Parameters:
  ///   - blocks: storages of one type.
  ///   - behind: bytes that they retain beside their own.
  ///   - describesEntries: look at keys and values too.
  /// - Returns: nil where the type is no container.
  func summary(
    _ blocks: [UInt32], behind: UInt64, describesEntries: Bool = true
  ) throws(MemoryError) -> ContainerSummary? {
    guard let first = blocks.first else { return nil }
    let type = heap.type(Int(first))
    var summary: ContainerSummary
    func empty(_ kind: ContainerSummary.Kind, _ key: String?, _ value: String?) -> ContainerSummary {
      ContainerSummary(
        kind: kind, keyType: key, valueType: value, containers: blocks.count, entries: 0, slots: 0, inlineBytes: 0,
        behindBytes: behind, emptyBytes: 0)
    }
    switch type.layout {
    case .array(_, let element): summary = empty(.array, nil, element.typeName)
    case .hashTable(_, let key, let value?): summary = empty(.dictionary, key.typeName, value.typeName)
    case .hashTable(_, let key, nil): summary = empty(.set, key.typeName, nil)
    case .ring(_, let element): summary = empty(.deque, nil, element.typeName)
    case .string: summary = empty(.string, nil, nil)
    default: return try byteSummary(blocks, behind: behind)
    }
    let window = MemoryWindow(references.memory)
    for block in blocks {
      let address = heap.blocks.address(Int(block))
      let size = heap.blocks.size(Int(block))
      summary.inlineBytes += size
      guard size >= 40, try window.load(address..<address + 40) else { continue }
      let count = window.word(address + 16)
      switch type.layout {
      case .array(let elements, let element):
        let fits = size > UInt64(elements) ? (size - UInt64(elements)) / UInt64(max(1, element.stride)) : 0
        let entries = min(count, fits)
        summary.entries += entries
        summary.slots += fits
        summary.emptyBytes += (fits - entries) * UInt64(element.stride)
      case .ring(let elements, let element):
        let fits = size > UInt64(elements) ? (size - UInt64(elements)) / UInt64(max(1, element.stride)) : 0
        let entries = min(window.word(address + 24), fits)
        summary.entries += entries
        summary.slots += fits
        summary.emptyBytes += (fits - entries) * UInt64(element.stride)
      case .hashTable(_, let key, let value):
        let scale = window.word(address + 32) & 0xff
        guard scale < 40 else { continue }
        let buckets = UInt64(1) << scale
        let entries = min(count, buckets)
        summary.entries += entries
        summary.slots += buckets
        let stride = UInt64(key.stride + (value?.stride ?? 0))
        // The block bounds what a torn count may claim.
        summary.emptyBytes += min((buckets - entries).multipliedReportingOverflow(by: stride).partialValue, size)
      case .string:
        // Capacity at 16, count and flags at 24.
        let length = min(window.word(address + 24) & 0xffff_ffff_ffff, size - 32)
        summary.entries += length
        summary.slots += size - 33
        summary.emptyBytes += size - 32 - length
      default: break
      }
    }
    if describesEntries, case .hashTable = type.layout { try describeEntries(blocks, &summary) }
    return summary
  }

  /// Looks at keys and values of a sample.
  private func describeEntries(_ blocks: [UInt32], _ summary: inout ContainerSummary) throws(MemoryError) {
    var keys = KeyCounter(memory: references.memory, showContents: showContents)
    var values = ValueProfile(references: references)
    let step = max(1, blocks.count / Self.sampleBlocks)
    var index = 0
    while index < blocks.count, keys.looked < Self.sampleEntries {
      if let table = HashTableReader(Int(blocks[index]), heap: heap, memory: references.memory) {
        table.forEachEntry { keyOffset, valueOffset in
          let identity = keys.add(table, keyOffset)
          if table.value != nil { values.add(table, key: identity, valueOffset) }
          return keys.looked < Self.sampleEntries
        }
        values.finishContainer()
      }
      index += step
    }
    summary.keys = keys.summary(typeName: summary.keyType ?? "")
    if summary.kind == .dictionary, let first = blocks.first {
      summary.values = values.summary(references.context.storedFields(heap.blocks.head(Int(first))))
    }
  }
}
