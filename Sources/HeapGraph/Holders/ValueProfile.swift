import Malloc
import ProcessImage
import SwiftMetadata

/// How alike the values of one kind of dictionary are, and what another shape would take.
public struct ValueSummary: Sendable, Hashable, Codable {
  /// Values that were looked at.
  public var looked: Int
  /// Keys under which more than one value was seen.
  public var repeatedKeys: Int
  /// Bytes of a value, and of these how many are the same in every value under the same key.
  public var valueBytes, equalBytes: Int
  /// Offsets of the words that differ, in the order of the value; empty where all values under a key are equal.
  public var differingOffsets: [Int]
  /// Their names, where fields have some.
  public var differingFields: [String]
  /// Storage of a container as it is, and in other shapes, on the average of those that were looked at.
  public var shapes: [Shape]

  /// Another way to store the same entries.
  public struct Shape: Sendable, Hashable, Codable {
    /// How the values would be stored.
    public enum Kind: String, Sendable, Hashable, Codable {
      /// As it is: values in the buckets.
      case inline
      /// Each value in an object of its own, fresh for each entry.
      case boxed
      /// An array of pairs that is exactly as long as needed.
      case exactArray
      /// References to objects that all containers share.
      case shared
      /// An array of what differs, and of which keys are there where not all are; the rest is read from one shared table.
      case differenceOnly
    }

    public var kind: Kind
    /// With `malloc`'s header and rounding, a container.
    public var bytesPerContainer: UInt64
  }
}

/// Compares values under equal keys, word by word.
struct ValueProfile {
  let references: HeapReferences
  private var layout: ValueLayout?
  private var keyLayout: ValueLayout?
  private var firstSeen: [UInt64: [UInt64]] = [:]
  private var repeated: Set<UInt64> = []
  private var differs: [Bool] = []
  private var looked = 0
  private var tables: [StorageShapes.Table: Int] = [:]

  private static let keyLimit = 1 << 16
  /// Larger values are not compared word by word.
  private static let valueLimit = 4096

  init(references: HeapReferences) { self.references = references }

  mutating func add(_ table: HashTableReader, key: UInt64, _ offset: Int) {
    guard let value = table.value, value.size <= Self.valueLimit, value.size > 0, !Self.isExistential(value) else {
      return
    }
    if layout == nil {
      layout = value
      keyLayout = table.key
      differs = Array(repeating: false, count: (value.size + 7) / 8)
    }
    looked += 1
    if let known = firstSeen[key] {
      repeated.insert(key)
      for index in differs.indices where !differs[index] {
        let word = masked(table.word(offset + index * 8), index)
        if word != known[index], !isSameText(table, offset, index, known) { differs[index] = true }
      }
    } else if firstSeen.count < Self.keyLimit {
      firstSeen[key] = differs.indices.map { masked(table.word(offset + $0 * 8), $0) }
    }
  }

  /// A container has been looked at, or as much of it as the sample takes; what it says of its entries counts.
  mutating func finishContainer(_ table: HashTableReader) {
    tables[StorageShapes.Table(buckets: table.shape.buckets, entries: table.count), default: 0] += 1
  }

  /// Any value of any type: that two are of one type, whose address is a word of each, makes them no copies of each other.
  private static func isExistential(_ value: ValueLayout) -> Bool {
    value.typeName == "Any" || value.typeName.hasPrefix("any ")
  }

  /// The last word of a value may be followed by something else.
  private func masked(_ word: UInt64, _ index: Int) -> UInt64 {
    let rest = (layout?.size ?? 0) - index * 8
    return rest >= 8 ? word : word & (1 << UInt64(rest * 8) - 1)
  }

  /// Two strings with different addresses and one text.
  private func isSameText(_ table: HashTableReader, _ offset: Int, _ index: Int, _ known: [UInt64]) -> Bool {
    guard index > 0, let slot = layout?.slots.first(where: { $0.offset == index * 8 }),
      slot.typeName == "String" || slot.typeName == "Substring"
    else { return false }
    let one = StringWords(first: known[index - 1], object: known[index])
    let other = StringWords(first: table.word(offset + index * 8 - 8), object: table.word(offset + index * 8))
    guard one.count == other.count, !one.isSmall, !other.isSmall, one.count <= 1 << 16,
      let text = one.text(references.memory, limit: one.count),
      let otherText = other.text(references.memory, limit: one.count)
    else { return false }
    return text == otherText
  }

  /// Properties that lie in the differing words.
  private static func names(_ words: [Int], _ fields: [StoredField]) -> [String] {
    var names: [String] = []
    for word in words {
      // Those that start in the word, or the last that starts before it.
      var inside = fields.filter { $0.offset / 8 == word }
      if inside.isEmpty, let last = fields.last(where: { $0.offset <= word * 8 }) { inside = [last] }
      for field in inside where !names.contains(field.path) { names.append(field.path) }
    }
    return names
  }

  /// - Parameter fields: stored properties of the values.
  func summary(_ fields: [StoredField]) -> ValueSummary? {
    let containers = tables.values.reduce(0, +)
    guard let layout, let keyLayout, looked > 0, containers > 0 else { return nil }
    let differing = differs.indices.filter { differs[$0] }
    let differingBytes = differing.reduce(0) { $0 + min(8, layout.size - $1 * 8) }
    let (all, isTooMany) = containers.multipliedReportingOverflow(by: firstSeen.count)
    let haveAllKeys = !isTooMany && firstSeen.count < Self.keyLimit && looked == all
    return ValueSummary(
      looked: looked, repeatedKeys: repeated.count, valueBytes: layout.size,
      equalBytes: repeated.isEmpty ? 0 : layout.size - differingBytes,
      differingOffsets: repeated.isEmpty ? [] : differing.map { $0 * 8 },
      differingFields: repeated.isEmpty ? [] : Self.names(differing, fields),
      shapes: StorageShapes.average(
        of: tables, key: keyLayout, value: layout, isShareable: !repeated.isEmpty,
        differingBytes: repeated.isEmpty ? nil : differingBytes, haveAllKeys: haveAllKeys))
  }
}
