import HeapGraph
import Measurement

/// What the process's LocalCaches say of themselves: contents, traffic, verdict.
struct LocalCacheText {
  let style: TextStyle
  /// Most caches.
  let limit: Int
  let showsAddresses: Bool

  /// - Parameter damaged: descriptions that could not be read.
  func lines(_ caches: [LocalCacheSummary], damaged: Int? = nil) -> [String] {
    guard !caches.isEmpty || damaged != nil else { return [] }
    var lines = ["", style.paint("LOCAL CACHES", .heading)]
    for cache in caches.prefix(limit) {
      lines += style.wrap(TextStyle.printable(Self.contents(cache)), first: "  ", rest: "      ")
      for line in [Self.traffic(cache), Self.verdict(cache)] {
        lines += style.wrap(TextStyle.printable(line), first: "    ", rest: "      ")
      }
      if showsAddresses { lines.append("    described at \(cache.address)") }
    }
    if caches.count > limit {
      lines += style.more("\(Count(caches.count - limit).of("more cache")) (--limit shows more)")
    }
    if let damaged {
      lines.append("  \(Count(damaged).of("description")) of a cache could not be read: damaged, or being written")
    }
    return lines
  }

  /// `profiles: 5,000 entries, 4.1 MiB of at most 64.0 MiB`.
  static func contents(_ cache: LocalCacheSummary) -> String {
    let name = cache.name.isEmpty ? "(without a name)" : cache.name
    let entries = Count(cache.entries).of("entry", "entries")
    switch (cache.unit, cache.published) {
    case (.entries, _): return "\(name): \(entries) of at most \(Count(cache.limit))"
    case (_, let published?):
      return "\(name): \(entries), \(size(published.weight, cache.unit)) of at most \(size(cache.limit, cache.unit))"
    default: return "\(name): \(entries), at most \(size(cache.limit, cache.unit))"
    }
  }

  static func traffic(_ cache: LocalCacheSummary) -> String {
    guard let hitRatio = cache.hitRatio else { return "nobody has looked anything up" }
    var text = "\(Share(fraction: hitRatio)) of \(Count(cache.lookups).of("look-up")) hit"
    if let joined = cache.published?.joinedLoads, Double(joined) >= 0.05 * Double(cache.lookups) {
      text += ", \(Share(fraction: min(1, Double(joined) / Double(cache.lookups)))) waited for a load of another one"
    }
    if let repeats = cache.published?.repeatRatio {
      // Published a while ago, perhaps when nobody had come twice.
      text += "; \(Share(fraction: max(repeats, hitRatio))) are for keys that were asked for before"
    }
    text += "; \(Count(cache.insertions).of("insertion")), \(Count(cache.evictions).of("eviction"))"
    if cache.expired > 0 { text += ", \(Count(cache.expired)) expired" }
    if let removed = cache.published?.removed, removed > 0 { text += ", \(Count(removed)) removed" }
    if let refused = cache.published?.refused, refused > 0 { text += ", \(Count(refused)) refused" }
    if let failed = cache.published?.failedLoads, failed > 0 { text += "; \(Count(failed).of("load")) failed" }
    return text
  }

  static func verdict(_ cache: LocalCacheSummary) -> String {
    guard let published = cache.published else { return "no verdict yet: the cache reaches one while it is used" }
    var text = "verdict: " + advice(published, cache.unit)
    guard published.advice != .tooEarly, let hitRatio = published.hitRatio else { return text }
    text += "; \(Share(fraction: hitRatio)) hits when it was reached"
    if let recent = published.recentHitRatio, abs(recent - hitRatio) >= 0.01 {
      text += ", \(Share(fraction: recent)) of the last look-ups"
    }
    if let needed = published.neededHitRatio {
      text += ", pays from \(Share(fraction: needed)) on"
      if let load = published.loadNanoseconds { text += " (a load takes \(TimeSpan(nanoseconds: load)))" }
    }
    return text
  }

  private static func advice(_ published: LocalCacheSummary.Published, _ unit: LocalCacheSummary.Unit) -> String {
    switch published.advice {
    case .tooEarly: return "too early to say"
    case .keep: return "keep it"
    case .remove: return "remove it, it costs more than it saves"
    case .shrink:
      guard let smaller = published.smallerSize else { return "shrink it" }
      return "shrink it to \(size(smaller, unit)), which keeps 97 % of the hits"
    case .enlarge:
      guard let larger = published.largerSize else { return "enlarge it, more memory brings more hits" }
      return "enlarge it to \(size(larger, unit)), more memory brings more hits"
    case .shareValues: return "let equal values of different keys be one object; many are copies"
    case .shareAcrossProcesses: return "one cache for all processes, outside of them; each alone hits too little"
    case .lengthenLifetime: return "let its entries live longer, they end before they are asked for again"
    case .unknown: return "one that this version does not know"
    }
  }

  private static func size(_ amount: UInt64, _ unit: LocalCacheSummary.Unit) -> String {
    switch unit {
    case .bytes: ByteCount(amount).description
    case .entries: Count(amount).of("entry", "entries")
    case .weight: "weight \(Count(amount))"
    }
  }
}
