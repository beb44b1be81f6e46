/// From files to the profile that is shown: combined, symbolised, without what is uninteresting.
public struct ProfileSession: Sendable {
  public var profile: Profile
  /// What the reader should know: filters that matched nothing, functions without names.
  public var remarks: [String] = []

  /// How a base is subtracted.
  public enum Base: Sendable, Hashable {
    /// `--base`: what was allocated since; per cents of the difference.
    case subtract
    /// `--diff-base`: per cents of the base.
    case compare
  }

  /// - Parameters:
  ///   - profiles: at least one; several are added up.
  ///   - bases: what to take away; several are added up.
  ///   - normalize: scale the profiles to the sum of the bases first.
  public init(
    _ profiles: [Profile], bases: [Profile] = [], base: Base = .subtract, normalize: Bool = false,
    symbolizer: (any ProfileSymbolizer)? = nil
  ) throws(ProfileError) {
    profile = try Self.combine(profiles)
    if !bases.isEmpty {
      var taken = try Self.combine(bases)
      if base == .compare { taken.setLabel(Self.baseLabel, "true") }
      if normalize { try profile.normalize(to: taken) }
      taken.scale(by: [Double](repeating: -1, count: taken.sampleTypes.count))
      profile = try Self.combine([profile, taken])
    }
    if let symbolizer { remarks += symbolizer.symbolize(&profile) }
  }

  /// The label with which pprof marks samples of `--diff-base`.
  static let baseLabel = "pprof::base"

  private static func combine(_ profiles: [Profile]) throws(ProfileError) -> Profile {
    // One profile without negative numbers gives the same reports merged or not; merging costs time.
    if profiles.count == 1, let only = profiles.first, only.samples.values.allSatisfy({ $0 >= 0 }) { return only }
    var profiles = profiles
    try Profile.convertUnits(&profiles)
    return try ProfileMerger.merge(profiles)
  }

  /// Merged and numbered anew even where it is one profile: for reports that show samples and ids.
  public func merged() throws(ProfileError) -> ProfileSession {
    var result = self
    result.profile = try ProfileMerger.merge([profile])
    return result
  }
}

/// Puts functions, files and lines to addresses that have none.
public protocol ProfileSymbolizer: Sendable {
  /// - Returns: what the reader should know, in sentences.
  func symbolize(_ profile: inout Profile) -> [String]
}
