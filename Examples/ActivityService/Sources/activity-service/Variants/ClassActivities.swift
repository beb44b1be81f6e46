/// References, but to objects of their own: the advice "store pointers" taken by the letter.
struct ClassActivities: ActivitySource {
  static let cache = UserCache<[String: SharedActivity]>()
  let catalogue: Catalogue

  func summary(of user: Int64) -> ActivitySummary {
    let now = MonotonicClock.nanoseconds
    let activities = Self.cache.value(of: user, now: now) ?? fill(user, now)
    var summary = ActivitySummary()
    for (key, activity) in activities { summary.add(key, activity.view) }
    return summary
  }

  private func fill(_ user: Int64, _ now: UInt64) -> [String: SharedActivity] {
    var activities: [String: SharedActivity] = [:]
    for index in catalogue.visible(to: user) {
      let entry = catalogue.entries[index]
      activities[entry.key] = SharedActivity(entry.activity.view)
    }
    Self.cache.set(activities, of: user, now: now)
    return activities
  }

  var statistics: CacheStatistics { Self.cache.statistics }
}
