import Testing

@testable import LocalCache

@Suite struct PolicyTests {
  /// Drives the policy alone, as a simulator does. Returns the hit ratio.
  private func replay(_ keys: [UInt32], capacity: Int) -> Double {
    var policy = EvictionPolicy(maximum: UInt64(capacity))
    defer { policy.deallocate() }
    drive(
      &policy, keys, hash: { UInt32(truncatingIfNeeded: UInt64($0) &* 0x9E37_79B9_7F4A_7C15 >> 30) },
      afterInsertion: { policy, keys in #expect(policy.count == keys && policy.weight <= UInt64(capacity)) })
    return Double(policy.hits) / Double(keys.count)
  }

  private func lru(_ keys: [UInt32], capacity: Int) -> Double {
    var last: [UInt32: Int] = [:]
    var order: [Int: UInt32] = [:]
    var oldest = 0
    var hits = 0
    for (time, key) in keys.enumerated() {
      if let before = last[key] {
        hits += 1
        order[before] = nil
      } else if last.count >= capacity {
        while order[oldest] == nil { oldest += 1 }
        if let victim = order.removeValue(forKey: oldest) { last[victim] = nil }
      }
      last[key] = time
      order[time] = key
    }
    return Double(hits) / Double(keys.count)
  }

  @Test func popularKeysAreKept() {
    let popularity = VerdictTests.zipf(20_000, 0.9)
    var random = Generator(state: 11)
    let keys = (0..<150_000).map { _ in UInt32(VerdictTests.pick(popularity, &random)) }
    #expect(replay(keys, capacity: 1000) > lru(keys, capacity: 1000) + 0.03)
  }

  @Test func scansDoNotFlushTheCache() {
    var keys: [UInt32] = []
    for round in 0..<40 as Range<UInt32> {
      for _ in 0..<4 { keys += 0..<400 }
      keys += (0..<2000).map { 100_000 + round * 2000 + $0 }
    }
    #expect(replay(keys, capacity: 500) > lru(keys, capacity: 500))
  }

  @Test func loopsLargerThanTheCacheHit() {
    let keys = (0..<200_000).map { UInt32($0 % 2000) }
    #expect(replay(keys, capacity: 1000) > 0.3)
  }

  /// Traffic for which recency is all that counts: the window becomes the cache.
  @Test func recencyIsLearnt() {
    var random = Generator(state: 13)
    var newest: UInt32 = 10_000
    let keys = (0..<200_000).map { _ -> UInt32 in
      if Bool.random(using: &random) { newest += 1 }
      return newest - UInt32.random(in: 0..<800, using: &random)
    }
    #expect(replay(keys, capacity: 1000) > lru(keys, capacity: 1000) - 0.03)
  }

  @Test func sketchEstimatesAndForgets() {
    var sketch = FrequencySketch(entries: 64)
    defer { sketch.deallocate() }
    sketch.reserve(entries: 5000)
    var random = Generator(state: 17)
    let popular = (0..<50).map { _ in UInt32(truncatingIfNeeded: random.next()) }
    let others = (0..<5000).map { _ in UInt32(truncatingIfNeeded: random.next()) }
    for hash in popular { sketch.add(hash, times: 9) }
    for hash in others { sketch.add(hash) }
    #expect(popular.allSatisfy { sketch.estimate($0) >= 9 })
    #expect(others.filter { sketch.estimate($0) <= 3 }.count > 4500)
    sketch.age()
    #expect(popular.allSatisfy { sketch.estimate($0) >= 4 && sketch.estimate($0) <= 8 })
  }
}
