import Testing

@testable import LocalCache

/// Values that are loaded again while nobody asks.
@Suite struct RefreshTests {
  struct Broken: Error {}

  /// The incident's periodic refresh: chunks of the set size in the order of the keys, again and again, until the task is cancelled.
  @Test func aPeriodicRefreshGoesThroughAllKeysInOrder() async throws {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.loading.batchSize = 40
    let cache = LocalCache<Int, Int>(name: "periodic", limit: .entries(1000), configuration: configuration)
    let calls = Locked<[[Int]]>([])
    let task = Task {
      await cache.refreshPeriodically(every: .milliseconds(5), jitter: 0.5, keys: { Array(0..<100) }) { keys in
        let round = calls.with { calls -> Int in
          calls.append(keys)
          return (calls.count - 1) / 3
        }
        return Dictionary(uniqueKeysWithValues: keys.map { ($0, $0 + round * 1000) })
      }
    }
    for _ in 0..<2000 where calls.current.count < 9 { try await Task.sleep(for: .milliseconds(2)) }
    task.cancel()
    await task.value
    let seen = calls.current
    #expect(seen.count >= 9 && seen.prefix(9).map(\.count) == [40, 40, 20, 40, 40, 20, 40, 40, 20])
    #expect(seen[0] == Array(0..<40))
    #expect((cache.get(7) ?? 0) >= 2007 && cache.count == 100)
  }

  /// After failures the pause doubles; the values that are there stay.
  @Test func thePauseDoublesAfterFailures() async throws {
    let cache = LocalCache<Int, Int>(name: "backing off", limit: .entries(10))
    cache.set(-1, for: 1)
    let times = Locked<[ContinuousClock.Instant]>([])
    let task = Task {
      await cache.refreshPeriodically(every: .milliseconds(20), jitter: 0, keys: { [1] }) { _ in
        times.with { $0.append(.now) }
        throw Broken()
      }
    }
    for _ in 0..<2000 where times.current.count < 4 { try await Task.sleep(for: .milliseconds(5)) }
    task.cancel()
    await task.value
    let seen = times.current
    try #require(seen.count >= 4)
    // Pauses of 40, 80 and 160 ms: a sleep may take longer, never shorter.
    #expect(seen[1] - seen[0] >= .milliseconds(40) && seen[2] - seen[1] >= .milliseconds(80))
    #expect(seen[3] - seen[2] >= .milliseconds(160))
    #expect(cache.get(1) == -1)
  }

  private func aging(
    _ clock: ManualClock, _ change: (inout CacheLoading) -> Void
  ) -> LocalCache<Int, Int> {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry.afterWrite = .seconds(100)
    configuration.loading.refreshAfter = .seconds(50)
    configuration.loading.staleWhileError = .seconds(1000)
    change(&configuration.loading)
    return LocalCache(name: "aging", limit: .entries(100), configuration: configuration)
  }

  /// However often the refresh fails, the value ends at 50 + 1000 s.
  @Test func staleWhileErrorHasAnEnd() async throws {
    let clock = ManualClock()
    let cache = aging(clock) { _ in }
    cache.set(1, for: 1)
    for round in 1...20 {
      clock.advance(by: .seconds(52))
      #expect(try await cache.value(for: 1) { _ in throw Broken() } == 1, "\(round * 52) s")
      await until { cache.statistics.failedLoads == round }
    }
    clock.advance(by: .seconds(12))
    #expect(cache.get(1) == nil)
  }

  /// A source that is down is not asked at each use, and not for ever later when it is up again.
  @Test func refreshesThatFailPause() async throws {
    let clock = ManualClock()
    let cache = aging(clock) { _ in }
    cache.set(1, for: 1)
    clock.advance(by: .seconds(60))
    let asked = Locked(0)
    for _ in 0..<500 {
      // Half a minute in all.
      clock.advance(by: .milliseconds(60))
      _ = try await cache.value(for: 1) { _ in
        asked.with { $0 += 1 }
        throw Broken()
      }
      await until { !cache.loader.isFlying }
    }
    #expect(asked.current >= 4 && asked.current <= 8, "after 0, 1, 3, 7 and 15 seconds or somewhat earlier")
    clock.advance(by: .seconds(50))
    _ = try await cache.value(for: 1) { _ in 2 }
    await until { cache.get(1) == 2 }
  }

  /// Times of writing are 32-bit numbers, whose origin moves after some weeks.
  @Test(arguments: [CacheExpiry(), CacheExpiry(perEntry: true), CacheExpiry(afterAccess: .seconds(11 * 86_400))])
  func valuesGrowOldAfterMonths(expiry: CacheExpiry) async throws {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry = expiry
    configuration.loading.refreshAfter = .seconds(3600)
    let cache = LocalCache<Int, Int>(name: "old", limit: .entries(100), configuration: configuration)
    for day in 1...120 {
      clock.advance(by: .seconds(86_400))
      // Key 1 is left alone for some days at a time.
      cache.set(day, for: day % 5 == 0 ? 1 : 2)
      let age = try #require(cache.age(of: 1) ?? (day < 5 ? .seconds(day % 5 * 86_400) : nil))
      #expect(abs((age - .seconds(day % 5 * 86_400)) / .seconds(1)) < 1, "day \(day)")
    }
    clock.advance(by: .seconds(7200))
    #expect(try await cache.value(for: 1) { _ in -1 } == 120)
    await until { cache.get(1) == -1 }
  }

  /// A source that does not answer is no better than one that fails.
  @Test func aRefreshThatTakesTooLongHasFailed() async throws {
    let clock = ManualClock()
    let cache = aging(clock) { $0.timeout = .milliseconds(20) }
    let gate = Gate()
    cache.set(1, for: 1)
    clock.advance(by: .seconds(60))
    #expect(try await cache.value(for: 1) { await gate.pass($0) } == 1)
    await until { cache.statistics.failedLoads == 1 }
    clock.advance(by: .seconds(500))
    #expect(cache.get(1) == 1)
    gate.open()
  }

  @Test func valuesOfABatchAreRefreshedAhead() async throws {
    let clock = ManualClock()
    let cache = aging(clock) { $0.batchSize = 2 }
    let calls = Locked<[[Int]]>([])
    let load: @Sendable ([Int]) async throws -> [Int: Int] = { keys in
      calls.with { $0.append(keys) }
      return Dictionary(uniqueKeysWithValues: keys.map { ($0, $0 * 10) })
    }
    for key in 0..<3 { cache.set(key, for: key) }
    clock.advance(by: .seconds(60))
    cache.set(3, for: 3)
    #expect(try await cache.values(for: 0..<5, load: load) == [0: 0, 1: 1, 2: 2, 3: 3, 4: 40])
    await until { cache.get(2) == 20 && cache.get(0) == 0 * 10 && cache.get(1) == 10 }
    #expect(cache.get(3) == 3)
    await until { calls.current.count == 3 }
    #expect(Set(calls.current) == [[4], [0, 1], [2]])
  }

  /// Pauses of nothing do not make a loop that takes a processor; pauses of for ever, and shares that are no numbers, do not trap.
  @Test(arguments: [(Duration.zero, Double.nan), (.seconds(-5), 7), (.seconds(Int64.max), -1)])
  func intervalsOutOfRange(interval: Duration, jitter: Double) async throws {
    let cache = LocalCache<Int, Int>(name: "intervals", limit: .entries(10))
    let rounds = Locked(0)
    let begin = ContinuousClock.now
    let task = Task {
      await cache.refreshPeriodically(every: interval, jitter: jitter, keys: { [1] }) { _ in
        rounds.with { $0 += 1 }
        return [1: 1]
      }
    }
    try await Task.sleep(for: .milliseconds(60))
    task.cancel()
    await task.value
    let milliseconds = (ContinuousClock.now - begin) / .milliseconds(1)
    #expect(Double(rounds.current) <= milliseconds + 1)
  }
}
