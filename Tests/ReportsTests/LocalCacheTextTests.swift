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
}
