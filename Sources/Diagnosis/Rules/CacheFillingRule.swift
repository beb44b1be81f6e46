import HeapGraph
import Measurement

/// A LocalCache that fills up: growth that ends at a bound which the cache itself states.
struct CacheFillingRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let growth = evidence.heapGrowth, let heap = evidence.heaps.last, let caches = BoundedCaches(heap) else {
      return []
    }
    let places = growth.places.filter { caches.contain($0.path) }
    let more = places.reduce(Int64(0)) { $0 + $1.growth }
    guard more >= HeapGrowth.negligible else { return [] }
    return [
      Finding(
        .warmUp, title: "LocalCache \(caches.title) fills up", site: places.first?.name, confidence: .likely,
        growth: more, holds: places.reduce(0) { $0 &+ $1.retained },
        evidence: [
          "\(Say.bytes(more)) more than at the first snapshot, \(Say.rate(Double(more), hours: growth.hours)), are in caches that have a bound"
        ] + caches.caches.prefix(3).map(line),
        advice: ["nothing: its bound ends it; `memwhy retained PID` shows whether the cache is worth its memory"],
        overturnedBy: "it goes on beyond its bound")
    ]
  }

  private static func line(_ cache: LocalCacheSummary) -> String {
    let full =
      cache.published.flatMap { published in
        cache.limit > 0 ? ", \(Share(published.weight, of: cache.limit)) full" : nil
      } ?? ""
    return
      "\(cache.name): \(Say.count(cache.entries)) entries\(full), \(Say.count(cache.evictions)) evictions so far"
  }
}
