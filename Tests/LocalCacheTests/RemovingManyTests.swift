import Testing

@testable import LocalCache

/// `removeAll(where:)`.
@Suite struct RemovingManyTests {
  private struct Failed: Error {}

  /// Some of many, in all shards; who listens hears of each.
  @Test(arguments: [1, 8]) func whatIsToGoGoesAndTheRestStays(shards: Int) {
    let gone = Locked<[Int: RemovalCause]>([:])
    let cache = LocalCache<Int, String>(name: "tenants", limit: .entries(10_000)) {
      $0.shards = shards
      $0.removalListener = { key, _, cause in gone.with { $0[key] = cause } }
    }
    for key in 0..<5000 { cache.set("value \(key)", for: key) }
    #expect(cache.removeAll { key, value in key % 7 == 3 && value == "value \(key)" } == 714)
    #expect(cache.count == 5000 - 714 && cache.statistics.removed == 714)
    #expect(gone.current.keys.sorted() == (0..<5000).filter { $0 % 7 == 3 })
    #expect(gone.current.values.allSatisfy { $0 == .explicit })
    #expect((0..<5000).allSatisfy { (cache.get($0) == nil) == ($0 % 7 == 3) })
    #expect(cache.removeAll { _, _ in false } == 0)
    #expect(cache.removeAll { _, _ in true } == 5000 - 714 && cache.count == 0)
    #expect(cache.removeAll { _, _ in true } == 0)
  }

  @Test func whatTheClosureThrowsEndsIt() {
    let cache = LocalCache<Int, Int>(name: "thrown", limit: .entries(1000))
    for key in 0..<500 { cache.set(key, for: key) }
    var asked = 0
    #expect(throws: Failed.self) {
      try cache.removeAll { _, _ in
        asked += 1
        if asked == 100 { throw Failed() }
        return true
      }
    }
    // The lock is free again, and what was said before counts.
    #expect(asked == 100 && cache.count == 401 && cache.statistics.removed == 99)
    cache.set(1, for: 1)
    #expect(cache.get(1) == 1)
  }

  /// What is being loaded may be of what is to go: it is given to those who wait, and not kept.
  @Test func aLoadThatBeganBeforeIsNotStored() async throws {
    let cache = loadingCache()
    let (gate, open) = AsyncStream<Void>.makeStream()
    let begun = Locked(false)
    async let value = cache.value(for: 1) { _ in
      begun.with { $0 = true }
      for await _ in gate { break }
      return 10
    }
    await until { begun.current }
    cache.removeAll { _, value in value == 10 }
    open.yield()
    #expect(try await value == 10)
    #expect(cache.get(1) == nil)
    #expect(try await cache.value(for: 1) { _ in 11 } == 11)
    #expect(cache.get(1) == 11)
  }

  /// Beside threads that read and write: never a value that was to go when the call began and that nobody has written since.
  @Test func whatWasToGoIsGoneBesideReadersAndWriters() async throws {
    let cache = LocalCache<Int, Int>(name: "beside", limit: .entries(20_000)) { $0.shards = 4 }
    for key in 0..<10_000 { cache.set(0, for: key) }
    let isOver = Locked(false)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for seed in 1...2 as ClosedRange<UInt64> {
        group.addTask {
          try await offThePool {
            var random = Generator(state: seed)
            while !isOver.current {
              let key = Int.random(in: 0..<10_000, using: &random)
              if cache.get(key) == nil { cache.set(1, for: key) }
            }
          }
        }
      }
      group.addTask {
        try await offThePool {
          for _ in 0..<20 { cache.removeAll { _, value in value == 0 } }
          isOver.with { $0 = true }
        }
      }
      try await group.waitForAll()
    }
    #expect((0..<10_000).allSatisfy { cache.get($0) != 0 })
  }

  /// Who removes many frees the lock for a moment only, again and again: who waits for it meanwhile has it in between. Without that five writes or fewer got through.
  @Test func othersGetInBetween() async throws {
    let cache = LocalCache<Int, Int>(name: "in between", limit: .entries(100_000)) { $0.shards = 1 }
    for key in 0..<50_000 { cache.set(0, for: key) }
    let (hasBegun, isOver) = (Locked(false), Locked(false))
    async let removed = offThePool {
      var looked = 0
      let count = cache.removeAll { _, _ in
        looked += 1
        if looked == 1 { hasBegun.with { $0 = true } }
        let begin = ContinuousClock.now
        while ContinuousClock.now - begin < .microseconds(4) {}
        return true
      }
      isOver.with { $0 = true }
      return count
    }
    let written = try await offThePool {
      while !hasBegun.current {}
      var count = 0
      while !isOver.current {
        cache.set(1, for: 60_000 + count % 100)
        if !isOver.current { count += 1 }
      }
      return count
    }
    #expect(try await removed >= 50_000)
    #expect(written >= 60, "\(written) writes in 196 steps")
  }

  @Test func settingsByAClosure() {
    let clock = ManualClock()
    let cache = LocalCache<Int, Int>(name: "settings", limit: .entries(10)) {
      $0.clock = clock
      $0.expiry.afterWrite = .seconds(10)
    }
    cache.set(1, for: 1)
    clock.advance(by: .seconds(11))
    #expect(cache.get(1) == nil)
    #expect(throws: Failed.self) {
      try LocalCache<Int, Int>(name: "settings", limit: .entries(10)) { _ throws(Failed) in throw Failed() }
    }
  }
}
