/// Telling the empty cases of an enum with one payload, as nil of an optional, from the payload.
///
/// The compiler writes an empty case over the one field of the payload that has most patterns without a meaning, mostly an address (swiftlang/swift
/// lib/IRGen/GenEnum.cpp, `SinglePayloadEnumImplStrategy`; stdlib/public/runtime/Enum.cpp). Where the payload is handled through its witness table, as one
/// with an existential or of another library is, all other words stay what they were. Which field it is need not be known: an address
/// that no value can do without is missing in an empty case alone.
extension Layout {
  /// The slots of a payload that may not be there.
  var slotsIfPresent: [ReferenceSlot] {
    guard !present.isEmpty else { return slots }
    return slots.map { slot in
      var slot = slot
      for word in present where word != slot.offset && slot.liveWords.count < ReferenceSlot.mostLiveWords {
        if !slot.liveWords.contains(word) { slot.liveWords.append(word) }
      }
      return slot
    }
  }
}
