import LocalCache

/// Values copied into every entry, as in `struct`, in a cache that is bounded by what its entries take, and that says by itself whether it pays.
struct LocalCacheActivities: ActivitySource {
  static let cache: LocalCache<Int64, [String: ActivityView]> = {
    var configuration = LocalCache<Int64, [String: ActivityView]>.Configuration()
    configuration.expiry = CacheExpiry(afterWrite: .seconds(1800))
    configuration.sizing.baseline = baseline
    return LocalCache(name: "activities", limit: .bytes(.mebibytes(32)), configuration: configuration)
  }()
  /// The catalogue's texts, to which all values point: the cache does not pay for them.
  private static let baseline = SizeBaseline()
  let catalogue: Catalogue

  init(catalogue: Catalogue) {
    self.catalogue = catalogue
    Self.baseline.include(catalogue.entries)
  }

  func summary(of user: Int64) -> ActivitySummary {
    var summary = ActivitySummary()
    for (key, view) in Self.cache.get(user) ?? fill(user) { summary.add(key, view) }
    return summary
  }

  private func fill(_ user: Int64) -> [String: ActivityView] {
    var activities: [String: ActivityView] = [:]
    for index in catalogue.visible(to: user) {
      let entry = catalogue.entries[index]
      activities[entry.key] = entry.activity.view
    }
    Self.cache.set(activities, for: user)
    return activities
  }

  var statistics: CacheStatistics {
    let statistics = Self.cache.statistics
    return CacheStatistics(
      entries: statistics.entries, hits: Int(clamping: statistics.hits), misses: Int(clamping: statistics.misses))
  }
}
