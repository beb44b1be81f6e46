/// How it was: a dictionary of values for every user.
struct StructActivities: ActivitySource {
  static let cache = UserCache<[String: ActivityView]>()
  let catalogue: Catalogue

  func summary(of user: Int64) -> ActivitySummary {
    let now = MonotonicClock.nanoseconds
    let activities = Self.cache.value(of: user, now: now) ?? fill(user, now)
    var summary = ActivitySummary()
    for (key, view) in activities { summary.add(key, view) }
    return summary
  }

  private func fill(_ user: Int64, _ now: UInt64) -> [String: ActivityView] {
    var activities: [String: ActivityView] = [:]
    for index in catalogue.visible(to: user) {
      let entry = catalogue.entries[index]
      activities[entry.key] = entry.activity.view
    }
    Self.cache.set(activities, of: user, now: now)
    return activities
  }

  var statistics: CacheStatistics { Self.cache.statistics }
}
