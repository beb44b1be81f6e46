/// What the cache holds of sampled keys: how large a miniature has to be, better than by the share of keys that should be sampled.
struct SampledContents {
  /// Weights of the entries that are of sampled keys.
  let weights: [UInt64]
  /// Weight of all entries.
  let all: UInt64
  /// The cache's limit, in units of the policy.
  let limit: UInt64
  /// Share of the keys that should be sampled.
  let nominalRate: Double

  /// Weight of the entries that are of sampled keys, or nil where that says nothing: of too few, or where these weigh nothing.
  private var sampled: UInt64? {
    guard weights.count >= 16 else { return nil }
    let sum = weights.reduce(0, +)
    return sum > 0 && all > 0 ? sum : nil
  }

  /// Share of the contents, by weight, that is of sampled keys.
  var rate: Double { sampled.map { Double($0) / Double(all) } ?? nominalRate }

  /// Size and greatest weight in a miniature of a cache of this share of the limit. An entry that is a small part of the cache would be a large one
  /// of the miniature, or not fit: such ones count for less, and the miniature is as much smaller.
  func miniature(of share: Double) -> (size: Double, greatest: UInt64) {
    let room = max(Double(limit) * share, 1)
    let size = room * rate
    var greatest = UInt64(min(max((size / 16).rounded(.up), 1), 1e15))
    var bounded = size
    if let sampled {
      greatest = max(greatest, sampled / UInt64(weights.count))
      bounded = room * Double(weights.reduce(0) { $0 + min($1, greatest) }) / Double(all)
    }
    return (bounded, greatest)
  }
}
