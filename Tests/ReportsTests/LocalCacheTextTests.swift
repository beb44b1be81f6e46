import Testing

@testable import HeapGraph
@testable import Reports

@Suite struct LocalCacheTextTests {
  /// What a cache has published may be of its first look-ups, when no key had come twice; its counters are of now.
  @Test func hitsAreForKeysThatWereAskedForBefore() {
    var cache = LocalCacheSummary(
      name: "offers", unit: .entries, limit: 5000, entries: 2000, hits: 9950, misses: 50, insertions: 2000,
      evictions: 0, expired: 0, address: "0x1000")
    cache.hitRatio = 0.995
    cache.published = .init(
      weight: 10, entries: 10, distinctKeys: 10, repeatRatio: 0.1, loads: 0, advice: .tooEarly, time: 77)
    #expect(LocalCacheText.traffic(cache).contains("99.5 % are for keys that were asked for before"))
    cache.published?.repeatRatio = 0.999
    #expect(LocalCacheText.traffic(cache).contains("99.9 % are for keys that were asked for before"))
  }

  /// A cache that pays because many wait for one load hits little all the same: without that its verdict would contradict its traffic.
  @Test func waitingForAnothersLoadIsToldBesideTheHits() {
    var cache = LocalCacheSummary(
      name: "together", unit: .entries, limit: 5000, entries: 100, hits: 0, misses: 3000, insertions: 100,
      evictions: 0, expired: 0, hitRatio: 0, address: "0x1000")
    cache.published = .init(weight: 100, entries: 100, distinctKeys: 100, loads: 100, advice: .keep, time: 77)
    #expect(!LocalCacheText.traffic(cache).contains("waited"))
    cache.published?.joinedLoads = 2900
    cache.published?.failedLoads = 40
    cache.published?.removed = 7
    cache.published?.refused = 3
    #expect(
      LocalCacheText.traffic(cache)
        == "0 % of 3,000 look-ups hit, 96.7 % waited for a load of another one; 100 insertions, 0 evictions, 7 removed, 3 refused; 40 loads failed"
    )
  }
}
