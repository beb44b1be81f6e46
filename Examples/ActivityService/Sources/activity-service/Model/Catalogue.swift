/// What all users share: read from the database once, and in memory once.
struct Catalogue: Sendable {
  struct Entry: Sendable {
    /// `activity_100017_entry`: longer than what a Swift string holds in place.
    var key: String
    /// Users belong to a segment; an activity is hidden from some of them.
    var segment: Int64
    var activity: SharedActivity
  }

  let entries: [Entry]
  private let segments: Int64

  init(_ entries: [Entry]) {
    self.entries = entries
    segments = (entries.map(\.segment).max() ?? 0) + 1
  }

  /// Indices of what a user sees: all but three neighbouring segments. A loop over everything for every id, as it grew over the years.
  func visible(to user: Int64) -> [Int] {
    let first = Int64(bitPattern: (UInt64(bitPattern: user) &* 0x9e37_79b9_7f4a_7c15) >> 33) % segments
    var result: [Int] = []
    result.reserveCapacity(entries.count)
    for (index, entry) in entries.enumerated() {
      let distance = (entry.segment - first + segments) % segments
      if distance >= 3 || segments <= 3 { result.append(index) }
    }
    return result
  }
}
