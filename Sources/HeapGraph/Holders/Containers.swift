import Malloc
import ProcessImage
import SwiftMetadata

/// What containers of one kind hold: how many entries, in how much room.
public struct ContainerSummary: Sendable, Hashable, Codable {
  public enum Kind: String, Sendable, Hashable, Codable {
    case array, dictionary, set, string
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

/// What the keys of one kind of dictionary are.
public struct KeySummary: Sendable, Hashable, Codable {
  public enum Kind: String, Sendable, Hashable, Codable {
    case integers, strings, other
  }

  public var kind: Kind
  /// Keys that were looked at, and how many of them differ.
  public var looked, distinct: Int
  /// Of integers.
  public var lowest, highest: Int64?
  /// Of strings, in UTF-8 bytes.
  public var averageLength: Int?
  /// A few keys, shortened; only where contents were asked for.
  public var samples: [String]
}

/// Reads containers' storage.
struct ContainerReader {
  let references: HeapReferences
  var showContents = false

  private var heap: TypedHeap { references.heap }
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
    case .string: summary = empty(.string, nil, nil)
    default: return nil
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

/// Counts distinct keys by content.
private struct KeyCounter {
  let memory: any MemoryReader
  let showContents: Bool
  private(set) var looked = 0
  private var distinct: Set<UInt64> = []
  private var lowest = Int64.max
  private var highest = Int64.min
  private var lengths = 0
  private var samples: [String] = []
  /// Strings behind a pointer, by address: one text is read once.
  private var contents: [StringWords: UInt64] = [:]

  init(memory: any MemoryReader, showContents: Bool) {
    self.memory = memory
    self.showContents = showContents
  }

  private static func kind(_ typeName: String) -> KeySummary.Kind {
    switch typeName {
    case "Int", "Int64", "UInt", "UInt64", "Int32", "UInt32", "Int16", "UInt16", "Int8", "UInt8": .integers
    case "String": .strings
    default: .other
    }
  }

  /// Returns what stands for the key's value.
  mutating func add(_ table: HashTableReader, _ offset: Int) -> UInt64 {
    looked += 1
    let identity: UInt64
    switch Self.kind(table.key.typeName) {
    case .integers:
      let bits = UInt64(max(1, min(table.key.size, 8))) * 8
      let word = table.word(offset)
      let value: Int64
      if bits == 64 {
        value = Int64(bitPattern: word)
      } else if table.key.typeName.hasPrefix("U") {
        value = Int64(word & (1 << bits - 1))
      } else {
        value = Int64(bitPattern: word << (64 - bits)) >> Int64(64 - bits)
      }
      lowest = min(lowest, value)
      highest = max(highest, value)
      identity = UInt64(bitPattern: value)
      sample { String(value) }
    case .strings:
      let words = StringWords(first: table.word(offset), object: table.word(offset + 8))
      lengths += words.count
      if let known = contents[words] {
        identity = known
      } else {
        let text = words.text(memory, limit: 256) ?? []
        identity = ContentHash.of(text) ^ UInt64(words.count)
        if contents.count < 1 << 20 { contents[words] = identity }
        sample { String(decoding: text.prefix(24), as: UTF8.self) }
      }
    case .other:
      var hash = ContentHash()
      var word = 0
      while word < table.key.size {
        hash.add(table.word(offset + word) & Self.mask(table.key.size - word))
        word += 8
      }
      identity = hash.value
    }
    distinct.insert(identity)
    return identity
  }

  private static func mask(_ bytes: Int) -> UInt64 { bytes >= 8 ? .max : 1 << UInt64(bytes * 8) - 1 }

  private mutating func sample(_ text: () -> String) {
    if showContents && samples.count < 5 { samples.append(text()) }
  }

  func summary(typeName: String) -> KeySummary? {
    guard looked > 0 else { return nil }
    let kind = Self.kind(typeName)
    return KeySummary(
      kind: kind, looked: looked, distinct: distinct.count, lowest: kind == .integers ? lowest : nil,
      highest: kind == .integers ? highest : nil, averageLength: kind == .strings ? lengths / looked : nil,
      samples: samples)
  }
}

/// A 64-bit hash of content, for finding equal values. Multiply and rotate, finished as in MurmurHash3 (A. Appleby, public domain).
/// Not for keys that an adversary chooses: equal hashes are believed to be equal values.
struct ContentHash {
  private var state: UInt64 = 0x9e37_79b9_7f4a_7c15

  @inline(__always)
  mutating func add(_ word: UInt64) {
    let mixed = (word &* 0x87c3_7b91_1142_53d5)
    state ^= (mixed << 31 | mixed >> 33) &* 0x4cf5_ad43_2745_937f
    state = (state << 27 | state >> 37) &* 5 &+ 0x52dc_e729
  }

  var value: UInt64 {
    var value = state
    value = (value ^ value >> 33) &* 0xff51_afd7_ed55_8ccd
    value = (value ^ value >> 33) &* 0xc4ce_b9fe_1a85_ec53
    return value ^ value >> 33
  }

  static func of(_ bytes: [UInt8]) -> UInt64 {
    var hash = ContentHash()
    hash.add(UInt64(bytes.count))
    var index = 0
    while index < bytes.count {
      var word: UInt64 = 0
      for byte in bytes[index..<min(index + 8, bytes.count)].reversed() { word = word << 8 | UInt64(byte) }
      hash.add(word)
      index += 8
    }
    return hash.value
  }
}
