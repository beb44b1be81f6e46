/// Size and reference slots of a value: what `ValueLayout` is made of.
struct Layout: Sendable {
  var size: Int
  var alignment: Int
  var stride: Int
  /// Bit patterns that no value uses; an enum around it stores its empty cases there.
  var extraInhabitants: Int
  var slots: [ReferenceSlot]
  /// Offsets of words that are an address in every value of the type, up to two: an enum around it writes its empty cases over one of them, and may
  /// leave the others as they were.
  var present: [Int]

  /// Of these words as many are kept.
  static let presentLimit = 2
  /// More slots than this in one value are not listed; the value counts as unknown.
  static let slotLimit = 4096
  /// Larger objects and elements are scanned word by word instead of by slots.
  static let listedSize = 1 << 18
  /// Pointers below the first mappable address are never valid.
  static let pointerInhabitants = 4096

  init(
    size: Int, alignment: Int, extraInhabitants: Int = 0, slots: [ReferenceSlot] = [], stride: Int? = nil,
    present: [Int] = []
  ) {
    self.present = present
    self.size = size
    self.alignment = alignment
    self.extraInhabitants = extraInhabitants
    self.slots = slots
    self.stride = stride ?? max(1, Layout.round(size, to: alignment))
  }

  static func word(_ strength: ReferenceSlot.Strength?, _ name: String, extraInhabitants: Int = pointerInhabitants)
    -> Layout
  {
    Layout(
      size: 8, alignment: 8, extraInhabitants: extraInhabitants,
      slots: strength.map { [ReferenceSlot(offset: 0, strength: $0, typeName: name)] } ?? [],
      present: strength == .strong ? [0] : [])
  }

  static func data(size: Int, alignment: Int, extraInhabitants: Int = 0) -> Layout {
    Layout(size: size, alignment: alignment, extraInhabitants: extraInhabitants)
  }

  /// Every aligned word of `range` may be anything.
  static func ambiguousSlots(_ range: Range<Int>, path: String = "", typeName: String = "") -> [ReferenceSlot] {
    let start = round(range.lowerBound, to: 8)
    guard start &+ 8 <= range.upperBound, range.count <= listedSize else { return [] }
    return Swift.stride(from: start, through: range.upperBound - 8, by: 8).map {
      ReferenceSlot(offset: $0, strength: .ambiguous, path: path, typeName: typeName)
    }
  }

  static func round(_ value: Int, to alignment: Int) -> Int { (value + alignment - 1) & ~(alignment - 1) }

  /// The slots as part of something larger.
  func slots(at offset: Int, path: String) -> [ReferenceSlot] {
    slots.map { slot in
      var slot = slot
      slot.move(by: offset, under: path)
      return slot
    }
  }

  /// Members one after the other, each aligned; nil past the limits.
  static func aggregate(_ members: [(name: String, layout: Layout)], from start: Int = 0) -> Layout? {
    var end = start
    var alignment = 1
    var extraInhabitants = 0
    var slots: [ReferenceSlot] = []
    var present: [Int] = []
    for (name, member) in members {
      end = round(end, to: member.alignment)
      slots += member.slots(at: end, path: name)
      present += member.present.prefix(presentLimit - present.count).map { $0 + end }
      end += member.size
      alignment = max(alignment, member.alignment)
      extraInhabitants = max(extraInhabitants, member.extraInhabitants)
      guard slots.count <= slotLimit, end <= Int(ValueWitnesses.sizeLimit) else { return nil }
    }
    return Layout(
      size: end, alignment: alignment, extraInhabitants: extraInhabitants, slots: slots, present: present)
  }

  /// What can be said of slots when one of several payloads lies in the same memory.
  ///
  /// A word keeps its strength where every payload that reaches it has the same kind of reference there. `name` stands for
  /// the type of a word that differs by case; `tag` tells the cases apart, in the order of the payloads.
  static func union(_ payloads: [Layout], name: String, tag: EnumTag? = nil) -> [ReferenceSlot] {
    if payloads.count == 1 { return payloads[0].slots }
    // What is a number in one case only is not worth a doubt in all others.
    let payloads = payloads.map { payload in
      var payload = payload
      payload.slots.removeAll { $0.strength == .number }
      // A word that says something of one case is any other thing in the others.
      for index in payload.slots.indices { payload.slots[index].liveWords = [] }
      return payload
    }
    var result: [Int: ReferenceSlot] = [:]
    for payload in payloads {
      for slot in payload.slots {
        guard var known = result[slot.offset] else {
          result[slot.offset] = slot
          continue
        }
        if known.strength != slot.strength { known.strength = .ambiguous }
        if known.path != slot.path { known.path = "" }
        if known.typeName != slot.typeName { known.typeName = name }
        result[slot.offset] = known
      }
    }
    for (offset, slot) in result where slot.strength != .ambiguous {
      // What a weak reference points to has no other type: behind a shorter payload lie stale words, which must not say that.
      let isReferenceInAll = payloads.allSatisfy { payload in
        payload.size <= offset && slot.strength != .weak || payload.slots.contains { $0.offset == offset }
      }
      if !isReferenceInAll { result[offset]?.strength = .ambiguous }
    }
    guard let tag, payloads.count <= mostChoices else { return result.values.sorted { $0.offset < $1.offset } }
    for offset in result.keys {
      let cases = payloads.enumerated().flatMap { number, payload in
        payload.slots.filter { $0.offset == offset }.map { EnumChoice.Case(number: number, slot: $0) }
      }
      result[offset]?.choice = EnumChoice(tag: tag, cases: cases)
    }
    return result.values.sorted { $0.offset < $1.offset }
  }

  /// Cases of an enum that are told apart.
  private static let mostChoices = 48
}
