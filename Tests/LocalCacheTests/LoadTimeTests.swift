import Testing

@testable import LocalCache

/// What a load takes, as the verdict goes by it: the time that a hit saves.
@Suite struct LoadTimeTests {
  private struct Failed: Error {}

  /// A source that is down lets loads wait for long, and no hit would have saved that.
  @Test func loadsThatFailSayNothingOfThoseThatSucceed() async throws {
    let cache = loadingCache { $0.timeout = .milliseconds(100) }
    for key in 0..<3 {
      await #expect(throws: (any Error).self) {
        try await cache.value(for: key) { key in
          try await Task.sleep(for: .seconds(key == 0 ? 60 : 0))
          throw Failed()
        }
      }
    }
    for key in 100..<200 { _ = try await cache.value(for: key) { $0 } }
    let statistics = cache.statistics
    #expect(statistics.loads == 100 && statistics.failedLoads == 3)
    #expect(statistics.loadTime < .milliseconds(100), "\(statistics.loadTime)")
  }

  /// A batch asks for all of its keys together, whether there is something for each or not.
  @Test func keysWithoutValuesHaveTheirShareOfABatch() async throws {
    let cache = loadingCache()
    let found = try await cache.values(for: Array(0..<100)) { keys in
      try await Task.sleep(for: .milliseconds(200))
      return [keys[0]: 1]
    }
    #expect(found == [0: 1] && cache.statistics.loads == 1)
    #expect(cache.statistics.meanLoadTime < .milliseconds(50), "\(cache.statistics.meanLoadTime)")
    _ = try await cache.values(for: Array(200..<300)) { _ in [:] }
    #expect(cache.statistics.loads == 1)
  }

  /// A key that nothing was stored for is missed again much later: its load began then, whether that miss is timed or not.
  @Test func aMissThatNothingWasStoredForBeginsNoLoad() async throws {
    var timer = LoadTimer()
    for _ in 0..<64 {
      timer.missed(1)
      timer.stored(1)
    }
    // From now on one miss in eight is timed.
    for _ in 0..<8 { timer.missed(2) }
    try await Task.sleep(for: .milliseconds(200))
    timer.missed(2)
    timer.stored(2)
    #expect(try #require(timer.mean) < .milliseconds(1), "\(timer.mean ?? .zero)")
  }
}
