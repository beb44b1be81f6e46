/// How long the blocks of a site live, and whether they come and go or stay.
public struct Lifetime: Sendable, Hashable {
  public enum Class: Sendable, Hashable {
    /// Nearly all that was allocated was freed again.
    case temporary
    /// A part of it lives.
    case mixed
    /// Nearly all of it lives.
    case kept
  }

  public var kind: Class
  /// Mean lifetime in nanoseconds; nil where nothing was allocated. A lower bound as long as blocks live.
  ///
  /// Little's law: the mean number of blocks in a system is the rate at which they come times the mean time that they stay (Little, "A
  /// proof for the queuing formula L = λW", 1961). Both are taken over the same window: time spent alive by all blocks, those that
  /// still live up to now, over the number allocated.
  public var mean: Double?

  /// For people: the clock has steps of some milliseconds, so shorter means are only known to be short.
  public var isBrief: Bool { mean.map { $0 < 1e6 } ?? false }

  public var name: String {
    switch kind {
    case .temporary: "temporary"
    case .mixed: "mixed"
    case .kept: "kept"
    }
  }

  public static func of(_ site: SamplerTable.Site) -> Lifetime {
    let allocated = site.allocatedCount.value
    let share = allocated > 0 ? site.freedCount / allocated : 0
    let mean = allocated > 0 ? (site.freedAge + site.liveAge) / allocated : nil
    return Lifetime(kind: share >= 0.9 ? .temporary : share <= 0.1 ? .kept : .mixed, mean: mean)
  }
}

extension SamplerTable {
  /// Sites by bytes that were allocated and freed again since the start, largest first: churn.
  public func churn() -> [Site] {
    sites.filter { $0.freedSamples > 0 }.sorted { $0.freedBytes > $1.freedBytes }
  }
}
