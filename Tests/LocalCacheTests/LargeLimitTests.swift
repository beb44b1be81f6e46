import LocalCache
import Testing

/// Limits that stand for "as much as there is".
@Suite struct LargeLimitTests {
  @Test(arguments: [CacheLimit.entries(.max), .bytes(ByteSize(.max)), .weight(.max), .bytes(.gibibytes(.infinity))])
  func nothingTraps(limit: CacheLimit) {
    let cache = LocalCache<Int, String>(name: "large", limit: limit)
    for key in 0..<3000 {
      #expect(cache.set("a value that is on the heap, number \(key)", for: key))
      _ = cache.get(key % 100)
    }
    #expect(cache.missRatioCurve.points.allSatisfy { $0.size > 0 })
    #expect(!"\(cache.verdict)".isEmpty && cache.count == 3000)
    cache.publish()
    cache.tendMemory()
    #expect(cache.resize(to: limit) && cache.count == 3000)
  }
}
