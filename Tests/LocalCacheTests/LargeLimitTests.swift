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

  /// What an entry may count has a bound of its own, whether its key has a value already or not.
  @Test func entriesOfMoreThanFourGibibytesAreRefused() {
    struct Huge: Sendable, MemorySized {
      let heapBytes: Int
    }
    let cache = LocalCache<Int, Huge>(name: "huge", limit: .bytes(.gibibytes(40)))
    let small = Huge(heapBytes: 100)
    for heapBytes in [5 << 30, Int.max] {
      #expect(!cache.set(Huge(heapBytes: heapBytes), for: 1) && cache.statistics.entries == 0)
      #expect(cache.set(small, for: 1))
      #expect(!cache.set(Huge(heapBytes: heapBytes), for: 1), "in place of a small one")
      #expect(cache.get(1) == nil && cache.weight == 0)
    }
    for key in 0..<30 { #expect(cache.set(Huge(heapBytes: 3 << 30), for: key)) }
    #expect(cache.weight <= 40 << 30 && cache.count > 0)
  }
}
