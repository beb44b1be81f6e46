/// Only what differs between users: which activities they see.
struct DeltaActivities: ActivitySource {
  static let cache = UserCache<[Int]>()
  let catalogue: Catalogue

  func summary(of user: Int64) -> ActivitySummary {
    let now = MonotonicClock.nanoseconds
    let visible = Self.cache.value(of: user, now: now) ?? fill(user, now)
    var summary = ActivitySummary()
    for index in visible {
      let entry = catalogue.entries[index]
      summary.add(entry.key, entry.activity.view)
    }
    return summary
  }

  private func fill(_ user: Int64, _ now: UInt64) -> [Int] {
    let visible = catalogue.visible(to: user)
    Self.cache.set(visible, of: user, now: now)
    return visible
  }

  var statistics: CacheStatistics { Self.cache.statistics }
}
