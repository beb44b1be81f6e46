/// How a value of an enum with several payloads says which case it is. Offsets in bytes from the start of what the slot is a part of.
///
/// The number of a case is spelled by bits that no payload uses, the most significant ones first, and, where these are too few, by bytes
/// behind the largest payload (swiftlang/swift lib/IRGen/GenEnum.cpp, `MultiPayloadEnumImplStrategy::completeFixedLayout`; Swift 5.9 to 6.3).
public struct EnumTag: Sendable, Hashable {
  /// Byte and bit of each bit of the number, the lowest first.
  public struct Bit: Sendable, Hashable {
    public var byte: Int
    public var bit: UInt8
  }

  public var bits: [Bit]
  /// Whole bytes behind the payload, little-endian, above `bits`.
  public var extra: Range<Int>

  /// - Parameter byte: reads the byte at an offset; nil where it cannot be had.
  public func number(_ byte: (Int) -> UInt8?) -> Int? {
    var number = 0
    for (index, bit) in bits.enumerated() {
      guard let value = byte(bit.byte) else { return nil }
      number |= Int(value >> bit.bit & 1) << index
    }
    for (index, offset) in extra.enumerated() {
      guard let value = byte(offset) else { return nil }
      number |= Int(value) << (bits.count + 8 * index)
    }
    return number
  }

  mutating func move(by offset: Int) {
    for index in bits.indices { bits[index].byte += offset }
    extra = extra.lowerBound + offset..<extra.upperBound + offset
  }
}

/// What a word is in each case of the enum that it lies in.
public struct EnumChoice: Sendable, Hashable {
  /// A case by its number, and what the word is in it.
  public struct Case: Sendable, Hashable {
    public var number: Int
    /// The word in this case, with its path from the start of what the slot is a part of.
    public var slot: ReferenceSlot
  }

  public var tag: EnumTag
  /// Cases in which the word is a reference, by number.
  public var cases: [Case]
}

extension ReferenceSlot {
  /// What the word can be, by case; itself alone where that does not depend on one. Cases of an enum within a case count on.
  public var alternatives: [ReferenceSlot] {
    guard let choice else { return [self] }
    return choice.cases.flatMap(\.slot.alternatives)
  }

  /// Which of `alternatives` the word is; nil where it is none.
  ///
  /// - Parameter byte: reads the value that the slot's offset counts from.
  public func alternative(_ byte: (Int) -> UInt8?) -> Int? {
    guard let choice else { return 0 }
    guard let number = choice.tag.number(byte) else { return nil }
    var before = 0
    for entry in choice.cases {
      if entry.number == number { return entry.slot.alternative(byte).map { before + $0 } }
      before += entry.slot.alternatives.count
    }
    return nil
  }

  /// The slot as a part of something larger.
  mutating func move(by distance: Int, under path: String) {
    offset += distance
    for index in liveWords.indices { liveWords[index] += distance }
    if !path.isEmpty { self.path = self.path.isEmpty ? path : "\(path).\(self.path)" }
    guard choice != nil else { return }
    choice?.tag.move(by: distance)
    for index in choice?.cases.indices ?? 0..<0 { choice?.cases[index].slot.move(by: distance, under: path) }
  }
}
