import LocalCache
import Testing

/// Values that are loaded again while nobody asks.
@Suite struct RefreshTests {
  struct Broken: Error {}

  /// The incident's periodic refresh: chunks of the set size in the order of the keys, again and again, until the task is cancelled.
  @Test func periodically() async throws {
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
  @Test func backsOff() async throws {
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
}
