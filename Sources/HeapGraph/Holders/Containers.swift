import Malloc
import ProcessImage
import SwiftMetadata

/// What containers of one kind hold: how many entries, in how much room.
public struct ContainerSummary: Sendable, Hashable, Codable {
  /// What kind of container it is.
  public enum Kind: String, Sendable, Hashable, Codable {
    case array, deque, dictionary, set, string
    /// Bytes in a block of their own: `Data`, SwiftNIO's `ByteBuffer`.
    case bytes
    /// A cache of the module LocalCache, as it describes itself.
    case localCache
  }

  public var kind: Kind
  /// Type of the keys of a dictionary, of the elements of a set.
  public var keyType: String?
  /// Type of the values of a dictionary, of the elements of an array.
  public var valueType: String?
  /// The first stored property of a dictionary's values, an array's or a set's elements by which somebody is told who waits; nil where there is none.
  public var promise: StoredField?
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
  /// Of one array of references or closures, or one ring buffer: what its first and its last element refer to, as a number that says whether it is the same
  /// at another time.
  public var ends: Ends?
  public var keys: KeySummary?
  public var values: ValueSummary?

  /// Bytes that go with an entry, on the average.
  public var bytesPerEntry: UInt64 { entries == 0 ? 0 : (inlineBytes + behindBytes) / entries }

  /// The same without room that no entry has: storage that doubles makes no entry bigger.
  public var usedBytesPerEntry: UInt64 {
    entries == 0 ? 0 : (inlineBytes - min(emptyBytes, inlineBytes) + behindBytes) / entries
  }

  /// Takes room that nobody has written off the containers' own storage.
  mutating func leaveOut(_ unwritten: UInt64) {
    inlineBytes -= min(unwritten, inlineBytes)
    emptyBytes -= min(unwritten, emptyBytes)
  }

  public struct Ends: Sendable, Hashable, Codable {
    public var first, last: UInt64

    public init(first: UInt64, last: UInt64) {
      self.first = first
      self.last = last
    }
  }
}

/// Reads containers' storage.
struct ContainerReader {
  let references: HeapReferences
  var showContents = false
  /// Caches that describe themselves.
  var caches = LocalCacheReader.Found()

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
    let layout = heap.type(Int(first)).layout
    guard let (kind, key, value) = Self.container(layout) else {
      if let bytes = try byteSummary(blocks, behind: behind) { return bytes }
      return try cacheSummary(blocks, behind: behind)
    }
    // In the order of addresses: in any other the window would read most of the heap many times.
    let blocks = blocks.sorted()
    var summary = ContainerSummary(
      kind: kind, keyType: key, valueType: value, containers: blocks.count, entries: 0, slots: 0, inlineBytes: 0,
      behindBytes: behind, emptyBytes: 0)
    let window = MemoryWindow(references.memory)
    var parts: UInt64 = 0
    for block in blocks {
      let address = heap.blocks.address(Int(block))
      let size = heap.blocks.size(Int(block))
      summary.inlineBytes += size
      guard size >= ContainerRoom.header, try window.load(address..<address + ContainerRoom.header),
        let room = ContainerRoom(layout, address: address, size: size, header: window)
      else { continue }
      summary.entries += room.entries
      summary.slots += room.slots
      summary.emptyBytes += room.emptyBytes
      parts += room.parts
    }
    // Of a tree, which may share parts with another, its root is the container.
    if parts > 0 { summary.containers -= min(Int(clamping: parts), summary.containers - 1) }
    if case .array(let elements, let element) = layout {
      try ArrayPlaces(heap: heap, window: window, elements: elements, element: element).add(blocks, to: &summary)
    }
    if case .ring(let elements, let element) = layout, blocks.count == 1 {
      summary.ends = try ArrayPlaces(heap: heap, window: window, elements: elements, element: element)
        .ringEnds(Int(first))
    }
    if describesEntries {
      summary.promise = references.context.elementFields(heap.blocks.head(Int(first)))
        .first { Promises.contain($0.typeName) }
      if case .hashTable = layout { try describeEntries(blocks, &summary) }
    }
    return summary
  }

  /// What the standard library keeps in storage of this layout; nil where it is none of its containers.
  private static func container(
    _ layout: ObjectLayout
  ) -> (kind: ContainerSummary.Kind, key: String?, value: String?)? {
    switch layout {
    case .array(_, let element): (.array, nil, element.typeName)
    case .hashTable(_, let key, let value?), .hashNode(let key, let value?): (.dictionary, key.typeName, value.typeName)
    case .hashTable(_, let key, nil), .hashNode(let key, nil): (.set, key.typeName, nil)
    case .ring(_, let element): (.deque, nil, element.typeName)
    case .string: (.string, nil, nil)
    case .conservative, .none, .fixed, .taskSlab, .task, .sideTable: nil
    }
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
        values.finishContainer(table)
      }
      index += step
    }
    summary.keys = keys.summary(typeName: summary.keyType ?? "")
    if summary.kind == .dictionary, let first = blocks.first {
      summary.values = values.summary(references.context.storedFields(heap.blocks.head(Int(first))))
    }
  }
}
