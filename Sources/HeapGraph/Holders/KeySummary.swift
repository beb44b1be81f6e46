import ProcessImage

/// What the keys of one kind of dictionary are.
public struct KeySummary: Sendable, Hashable, Codable {
  /// What kind of keys, since different things can be said of them.
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

/// Counts distinct keys by content.
struct KeyCounter {
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

  static func kind(_ typeName: String) -> KeySummary.Kind {
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
