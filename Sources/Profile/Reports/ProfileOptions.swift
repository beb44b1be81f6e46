/// What to show of a profile; names and defaults are those of pprof's options.
public struct ProfileOptions: Sendable {
  public enum Sort: String, Sendable, CaseIterable { case flat, cum }

  /// Name of a sample type, or its number from 0; empty: the profile's default.
  public var sampleIndex = ""
  /// Values over the first sample type: bytes an object.
  public var mean = false
  /// `minimum` chooses one for all values; `auto` for each.
  public var unit = "minimum"
  public var divideBy = 1.0
  /// At most so many nodes; nil: as many as the verb usually shows.
  public var nodeCount: Int?
  /// Nodes whose cumulated value is below this share of the total are left out.
  public var nodeFraction = 0.005
  /// The same for edges.
  public var edgeFraction = 0.001
  /// false: nothing is left out, whatever the three above say.
  public var trim = true
  public var sort = Sort.flat
  public var granularity = Granularity.functions
  public var noInlines = false
  public var dropNegative = false
  /// Per cents of what the filters leave, instead of everything.
  public var relativePercentages = false
  public var compactLabels = false

  public var focus = ""
  public var ignore = ""
  public var hide = ""
  public var show = ""
  public var showFrom = ""
  public var pruneFrom = ""
  public var tagFocus = ""
  public var tagIgnore = ""
  public var tagShow = ""
  public var tagHide = ""
  /// Keys of labels that become frames, with commas.
  public var tagRoot = ""
  public var tagLeaf = ""

  public var names = NameStyle.short
  public var runtimeFrames = RuntimeFrames.asRecorded

  /// Folders to look for sources in, with colons; and what to take away in front of the profile's paths.
  public var sourcePath = ""
  public var trimPath = ""

  public init() {}

  /// Filters that are set, as reports name them.
  var activeFilters: [String] {
    [
      ("focus", focus), ("ignore", ignore), ("hide", hide), ("show", show), ("show_from", showFrom),
      ("tagfocus", tagFocus), ("tagignore", tagIgnore), ("tagshow", tagShow), ("taghide", tagHide),
    ].filter { !$0.1.isEmpty }.map { "\($0.0)=\($0.1)" }
  }
}

/// Whether frames of the allocator and the Swift runtime count as functions of their own.
public enum RuntimeFrames: String, Sendable, Hashable, CaseIterable {
  /// Folded where the profile itself says so (its `drop_frames`), which is what pprof does.
  case asRecorded
  /// Folded in any profile: what they allocate counts for their callers.
  case folded
  case shown
}
