/// What became of the entries that a cache did not keep though nobody removed them by their keys.
struct EntryEnds {
  /// Of those that ended, or had to make room: shares of the ones that were over, and of the ones that went with all others. No cache would have kept them.
  var (expired, emptied) = (0.0, 0.0)
  /// Of all that left: share of the ones that had to make room.
  var evicted = 1.0
  /// Whether a use puts the end off.
  var areProlonged = false
}

/// What is known of all keys that a cache was ever asked for, of which a sample has only those of late.
///
/// The notes are as many as suit the entries that are there. A cache of large entries that would have room for thousands of small ones, if it were larger, is asked for
/// most of these once at most while they are noted: whether it had them before does not follow from the notes, but from how many keys there are.
struct KeysEver {
  /// Distinct keys; nil where they are not counted.
  var count: Double?
  /// Share of all look-ups that were of keys never asked for before, 0 to 1.
  var newRatio = 1.0

  /// Share of first look-ups of keys in a sample that a cache which has room for all keys would miss.
  ///
  /// - Parameters:
  ///   - missed: for each look-up of the sample that missed, whether it is the first of its key there.
  ///   - cold: share of all look-ups that missed.
  ///   - ends: what did not go for want of room would have gone from that cache as well.
  func newness(_ missed: [Bool], cold: Double, _ ends: EntryEnds) -> Double {
    let first = missed.count { $0 }
    guard first > 0, cold > 0 else { return 1 }
    let new = min(1, newRatio / (cold * Double(first) / Double(missed.count)))
    return 1 - (1 - new) * min(max(ends.evicted, 0), 1)
  }

  /// What all sampled keys weigh, where those that have no note are like those that have one (Good 1953: what was seen once tells most of what was not seen).
  ///
  /// - Parameters:
  ///   - weights: of the keys that have notes.
  ///   - once: those of them that have one.
  ///   - rate: share of keys that are sampled.
  func weight(_ weights: [UInt64], once: [UInt64], rate: Double) -> Double {
    guard let count else { return .infinity }
    let unseen = max(0, count * rate - Double(weights.count))
    guard unseen == 0 || !once.isEmpty else { return .infinity }
    func sum(_ weights: [UInt64]) -> Double { weights.reduce(0.0) { $0 + Double($1) } }
    return sum(weights) + sum(once) / Double(max(once.count, 1)) * unseen
  }
}

extension CacheStatistics {
  func ends(areProlonged: Bool) -> EntryEnds {
    let all = Double(max(expired &+ emptied &+ evicted, 1))
    let left = expired &+ removed &+ evicted
    return EntryEnds(
      expired: Double(expired) / all, emptied: Double(emptied) / all,
      evicted: left == 0 ? 1 : Double(evicted) / Double(left), areProlonged: areProlonged)
  }

  var keysEver: KeysEver {
    guard requests > 0, distinctKeys > 0 else { return KeysEver() }
    return KeysEver(count: Double(distinctKeys), newRatio: min(1, Double(distinctKeys) / Double(requests)))
  }
}
