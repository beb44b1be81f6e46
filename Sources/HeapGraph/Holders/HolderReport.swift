/// The answer of `HeapHolders.holders`.
public struct HolderReport: Sendable, Hashable, Codable {
  public var reachableBytes: UInt64
  public var reachableBlocks: Int
  /// Largest first.
  public var holders: [Holder]
  /// Holders below the cut.
  public var otherCount: Int
  public var otherBytes: UInt64
  /// Caches of the module LocalCache, most entries first; nil without any.
  public var localCaches: [LocalCacheSummary]?
  /// Blocks that claim to describe a cache and contradict themselves.
  public var damagedCaches: Int?

  /// Bytes of a share of the reachable ones, 0...1; never 0.
  public static func bytes(_ share: Double, of reachable: UInt64) -> UInt64 {
    UInt64(max(1, Double(reachable) * min(max(share, 0), 1)))
  }

  /// What `HeapHolders.holders` would say with a coarser cut, without reading memory again. What several of a type keep among them counts with
  /// the blocks of that type that they lead to.
  public func pruned(cut: Double) -> HolderReport {
    var report = self
    report.holders = holders.pruned(
      below: Self.bytes(cut, of: reachableBytes), &report.otherCount, &report.otherBytes)
    return report
  }
}
