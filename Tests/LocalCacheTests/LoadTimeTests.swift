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

  /// What watches the time of loads ends soon after them, not after their limit: a cache may live as long as a request.
  @Test func nothingStaysBehindALoad() async throws {
    let cache = loadingCache { $0.timeout = .seconds(3600) }
    let loader = cache.loader
    _ = try await cache.value(for: 1) { $0 }
    await until { loader.state.withLock { !$0.timed.isWatched } }
    #expect(loader.state.withLock { !$0.timed.isWatched })
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

  /// One slow load by the cache says little of a cache that the program fills itself.
  @Test func loadsOfTheProgramCountBesideThoseOfTheCache() async throws {
    let cache = loadingCache()
    _ = try await cache.value(for: -1) { key in
      try await Task.sleep(for: .milliseconds(500))
      return key
    }
    for key in 0..<8000 where cache.get(key) == nil { cache.set(key, for: key) }
    #expect(cache.statistics.loads == 1)
    // One key in sixteen is sampled, so the slow load counts for a five-hundredth at most.
    let time = try #require(cache.verdict.loadTime)
    #expect(time < .milliseconds(50), "\(time)")
  }

  /// Five hundred loads on their way at the same time, half of which take a hundred times as long as the others.
  @Test func longLoadsAreTimedAsOftenAsShortOnes() throws {
    var timer = LoadTimer()
    var random = Generator(state: 3)
    let start = ContinuousClock.now
    var events: [(time: Int, key: UInt32, isEnd: Bool)] = []
    for key in 0..<40_000 as Range<UInt32> {
      let begin = Int(key) * 100
      events.append((begin, key, false))
      // One in twenty fails: nothing is ever stored.
      guard UInt8.random(in: 0..<20, using: &random) > 0 else { continue }
      events.append((begin + (Bool.random(using: &random) ? 1000 : 100_000), key, true))
    }
    for event in events.sorted(by: { $0.time < $1.time }) {
      let now = start + .microseconds(event.time)
      let key = event.key &* 0x9E37_79B1
      if event.isEnd { timer.stored(key, at: now) } else { timer.missed(key, at: now) }
    }
    let mean = try #require(timer.mean) / .microseconds(1)
    // Some hundred of two kinds: within a fifth of what it stands for in nearly all draws, and these numbers are always the same.
    #expect(abs(mean / 50_500 - 1) < 0.2, "\(mean)")
  }

  @Test func eachKindOfLoadCountsAsOftenAsItIsMissed() throws {
    var timer = LoadTimer()
    #expect(timer.mean(own: nil) == nil && timer.mean(own: .seconds(3)) == .seconds(3))
    // In no order: one miss in eight is timed.
    var random = Generator(state: 1)
    for load in 0..<4000 as Range<UInt32> {
      timer.missed(load)
      timer.stored(load, isOwn: UInt8.random(in: 0..<4, using: &random) != 0)
    }
    let (own, program) = (Duration.seconds(4), try #require(timer.mean))
    let mean = try #require(timer.mean(own: own))
    // Three of four; the last five hundred and more are known.
    #expect(abs((mean - program) / own - 0.75) < 0.1, "\(mean)")
    // A cache that only loads itself is not timed twice.
    var alone = LoadTimer()
    for load in 0..<1000 as Range<UInt32> {
      alone.missed(load)
      alone.stored(load, isOwn: true)
    }
    #expect(alone.mean == nil && alone.mean(own: own) == own)
  }

  /// The writes that end loads are not seen while notes rest, and later ones are none of theirs.
  @Test func aLoadThatEndsWhileNotesRestIsNotTimed() async throws {
    let cells = ReaderCells(.small)
    defer { cells.deallocate() }
    let observer = AccessObserver(isOn: true, .small, cells: cells)
    observer.missed(7, number: 1)
    // Keys of others until there is enough for now.
    for key in 1..<100_000 as Range<UInt64> where observer.observes(7) { observer.stored(key << 32 | 8, weight: 1) }
    #expect(!observer.observes(7))
    try await Task.sleep(for: .milliseconds(1100))
    for _ in 0..<100_000 where !observer.observes(7) { observer.missed(5 << 32, number: 0) }
    #expect(observer.observes(7))
    observer.stored(7, weight: 1)
    #expect(observer.meanLoadTime(own: nil) == nil)
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
