/// How much of the traffic is noted, by the number of entries in the cache.
///
/// A miniature has to see some 32 accesses for each of the keys that fit into it, half of them before its hits count: the policy learns slowly. How
/// many keys there are matters less, because probes make up for which keys they are by chance.
struct SamplingPlan: Equatable, Sendable {
  /// Notes of sampled keys that are kept; a power of two.
  let capacity: Int
  /// Sampled are hashes whose high half is below this.
  let threshold: UInt32
  /// One access in so many is probed; a power of two.
  let probePeriod: UInt64

  private static let notesPerKey = 32
  /// One key in 16 at most, and in caches of middle size one in 40: notes have to stay cheap.
  private static let greatestShare = 1.0 / 16
  private static let middleShare = 1.0 / 40
  private static let fewestKeys = 128.0

  /// Some bytes an entry in small caches, about one in large ones: a note takes three or four, and two more where weights differ.
  init(entries: Int) {
    var capacity = 1024
    while capacity < 4096, capacity / 4 * 3 <= entries { capacity *= 2 }
    while capacity >= 4096, capacity < 32_768, capacity * 2 <= entries { capacity *= 2 }
    if entries >= 262_144 { capacity = 65_536 }
    // Never more for more entries, so that a cache that fills need not begin anew.
    let count = Double(max(entries, 1))
    let ofLargest = Double(max(capacity, 32_768) / Self.notesPerKey) / count
    let share = min(Self.greatestShare, max(Self.fewestKeys / count, min(Self.middleShare, ofLargest)))
    var period: UInt64 = 16
    while Double(period * 2) * share <= 1, period < 1 << 20 { period *= 2 }
    self.init(capacity: capacity, threshold: max(UInt32(Double(UInt32.max) * share), 1), probePeriod: period)
  }

  private init(capacity: Int, threshold: UInt32, probePeriod: UInt64) {
    self.capacity = capacity
    self.threshold = threshold
    self.probePeriod = probePeriod
  }

  /// The same with other numbers of notes and keys.
  func with(capacity: Int, threshold: UInt32) -> SamplingPlan {
    SamplingPlan(capacity: capacity, threshold: threshold, probePeriod: probePeriod)
  }

  /// A note of a key that has one among so many before is left out: a sixty-fourth of the sampled keys that fit.
  var repeatDistance: Int { max(1, capacity / Self.notesPerKey / 64) }

  /// Share of the keys that are sampled, 0 to 1.
  var rate: Double { max(Double(threshold) / Double(UInt32.max), 1e-9) }
}
