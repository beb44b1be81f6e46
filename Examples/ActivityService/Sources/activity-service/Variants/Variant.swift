import ArgumentParser

/// Where the activities of a user come from. One file a stage of the story; the table is `VariantName.make`.
protocol ActivitySource: Sendable {
  func summary(of user: Int64) -> ActivitySummary
  var statistics: CacheStatistics { get }
}

enum VariantName: String, CaseIterable, ExpressibleByArgument, Sendable {
  /// Values copied into every entry: how it was.
  case `struct`
  /// A fresh object for every value: the fix that is no fix.
  case `class`
  /// References to objects that all entries share.
  case shared
  /// Only what differs between users; the rest is read from the shared table.
  case delta
  /// Values as in `struct`, in a cache that is bounded by their bytes.
  case localcache
  /// No cache: what is needed is computed.
  case none

  static let list = allCases.map(\.rawValue).joined(separator: ", ")

  func make(_ catalogue: Catalogue) -> any ActivitySource {
    switch self {
    case .struct: StructActivities(catalogue: catalogue)
    case .class: ClassActivities(catalogue: catalogue)
    case .shared: SharedActivities(catalogue: catalogue)
    case .delta: DeltaActivities(catalogue: catalogue)
    case .localcache: LocalCacheActivities(catalogue: catalogue)
    case .none: ComputedActivities(catalogue: catalogue)
    }
  }
}
