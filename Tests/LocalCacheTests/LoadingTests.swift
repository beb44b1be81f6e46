import LocalCache
import Testing

@Suite struct LoadingTests {
  struct Broken: Error, Equatable {}

  @Test func oneLoadForAllWhoAsk() async throws {
    let cache = loadingCache()
    let loads = Locked(0)
    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<100 {
        group.addTask {
          try await cache.value(for: 7) { key in
            loads.with { $0 += 1 }
            try await Task.sleep(for: .milliseconds(30))
            return key * 2
          }
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(sum == 1400)
    #expect(loads.current == 1)
    #expect(cache.get(7) == 14)
    #expect(cache.statistics.loads == 1)
  }

  @Test func errorsAreSharedAndNotStored() async {
    let cache = loadingCache()
    let loads = Locked(0)
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<20 {
        group.addTask {
          await #expect(throws: Broken.self) {
            _ = try await cache.value(for: 1) { _ in
              loads.with { $0 += 1 }
              try await Task.sleep(for: .milliseconds(30))
              throw Broken()
            }
          }
        }
      }
    }
    #expect(loads.current == 1)
    #expect(cache.get(1) == nil)
    #expect(cache.statistics.failedLoads == 1)
  }

  @Test func failuresAreRememberedWhereAsked() async {
    let cache = loadingCache { $0.failureLifetime = .seconds(60) }
    let loads = Locked(0)
    for _ in 0..<5 {
      await #expect(throws: Broken.self) {
        _ = try await cache.value(for: 1) { _ in
          loads.with { $0 += 1 }
          throw Broken()
        }
      }
    }
    #expect(loads.current == 1)
  }

  /// By the clock of the cache, so that a test need not wait; one that goes back ends it.
  @Test func failuresAreRememberedByTheClockOfTheCache() async throws {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry.afterWrite = .seconds(100 * 365 * 86_400)
    configuration.loading.failureLifetime = .seconds(1)
    let cache = LocalCache<Int, Int>(name: "failures", limit: .entries(100), configuration: configuration)
    let loads = Locked(0)
    func loadsInVain() async -> Int {
      await #expect(throws: Broken.self) {
        _ = try await cache.value(for: 1) { _ in
          loads.with { $0 += 1 }
          throw Broken()
        }
      }
      return loads.current
    }
    clock.advance(by: .seconds(10))
    #expect(await loadsInVain() == 1)
    clock.advance(by: .milliseconds(999))
    #expect(await loadsInVain() == 1)
    clock.advance(by: .milliseconds(1))
    #expect(await loadsInVain() == 2)
    clock.advance(by: .milliseconds(-1))
    #expect(await loadsInVain() == 3)
  }

  @Test func cancellingOneWaiterLeavesTheOthers() async throws {
    let cache = loadingCache()
    let begun = Locked(false)
    let load: @Sendable (Int) async throws -> Int = { key in
      begun.with { $0 = true }
      try await Task.sleep(for: .milliseconds(200))
      return key
    }
    let first = Task { try await cache.value(for: 3, load: load) }
    let second = Task { try await cache.value(for: 3, load: load) }
    await until { begun.current }
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
    #expect(try await second.value == 3)
  }

  @Test func loadWithoutWaitersIsCancelled() async throws {
    let cache = loadingCache()
    let begun = Locked(false)
    let cancelled = Locked(false)
    let only = Task {
      try await cache.value(for: 3) { _ in
        begun.with { $0 = true }
        do { try await Task.sleep(for: .seconds(30)) } catch {
          cancelled.with { $0 = true }
          throw error
        }
        return 1
      }
    }
    await until { begun.current }
    only.cancel()
    await #expect(throws: CancellationError.self) { try await only.value }
    for _ in 0..<500 where !cancelled.current { try await Task.sleep(for: .milliseconds(10)) }
    #expect(cancelled.current)
  }

  /// A load that heeds neither time nor cancellation must not hang who waits.
  @Test func loadsThatNeverReturnTimeOut() async {
    let cache = loadingCache { $0.timeout = .milliseconds(50) }
    let never = Locked<CheckedContinuation<Void, Never>?>(nil)
    await #expect(throws: LocalCacheError.loadTimedOut(cache: "loading", key: "5", after: .milliseconds(50))) {
      _ = try await cache.value(for: 5) { key in
        await withCheckedContinuation { continuation in never.with { $0 = continuation } }
        return key
      }
    }
    never.with { $0?.resume() }
    #expect(cache.statistics.failedLoads == 1)
  }

  @Test func reentrantLoadsAreFound() async throws {
    let cache = loadingCache()
    await #expect(throws: LocalCacheError.reentrantLoad(cache: "loading", key: "1")) {
      _ = try await cache.value(for: 1) { _ in
        try await cache.value(for: 2) { _ in
          try await cache.value(for: 1) { _ in 1 }
        }
      }
    }
    #expect(try await cache.value(for: 4) { _ in try await cache.value(for: 5) { $0 } + 1 } == 6)
  }

  /// The incident's list: 3,181 keys, never more than the set number in one call, never more than the set number of calls at once.
  @Test func batchesAreBounded() async throws {
    let cache = loadingCache {
      $0.batchSize = 200
      $0.batchParallelism = 3
    }
    cache.set(-1, for: 10)
    let state = Locked((calls: [Int](), running: 0, most: 0, first: [Int]()))
    let keys = Array(0..<3181) + [5, 6]
    let values = try await cache.values(for: keys) { batch in
      state.with {
        if $0.calls.isEmpty { $0.first = batch }
        $0.calls.append(batch.count)
        $0.running += 1
        $0.most = max($0.most, $0.running)
      }
      try await Task.sleep(for: .milliseconds(2))
      state.with { $0.running -= 1 }
      return Dictionary(uniqueKeysWithValues: batch.filter { $0 != 77 }.map { ($0, $0) })
    }
    #expect(values.count == 3180 && values[10] == -1 && values[77] == nil)
    let (calls, _, most, first) = state.current
    #expect(calls.count == 16 && calls.allSatisfy { $0 <= 200 } && calls.reduce(0, +) == 3180)
    #expect(most <= 3 && most >= 2)
    #expect(first.count == 200 && first == first.sorted())
    #expect(cache.count == 3180)
  }

  @Test func refreshAheadAndStaleWhileError() async throws {
    let clock = ManualClock()
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.clock = clock
    configuration.expiry.afterWrite = .seconds(100)
    configuration.loading.refreshAfter = .seconds(50)
    configuration.loading.staleWhileError = .seconds(1000)
    let cache = LocalCache<Int, Int>(name: "refresh", limit: .entries(100), configuration: configuration)
    #expect(try await cache.value(for: 1) { _ in 1 } == 1)
    clock.advance(by: .seconds(60))
    #expect(try await cache.value(for: 1) { _ in 2 } == 1, "the old value at once")
    for _ in 0..<500 where cache.get(1) != 2 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(cache.get(1) == 2)
    clock.advance(by: .seconds(60))
    #expect(try await cache.value(for: 1) { _ in throw Broken() } == 2)
    for _ in 0..<500 where cache.statistics.failedLoads == 0 { try await Task.sleep(for: .milliseconds(5)) }
    clock.advance(by: .seconds(500))
    #expect(cache.get(1) == 2, "a failed refresh lets the old value live on")
  }

  /// Who looks just before a load stores its value, and asks just after, is given that value.
  @Test func loadsThatEndAtOnceAreNotRepeated() async throws {
    for round in 0..<100 {
      let cache = loadingCache()
      let loaded = Locked(0)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<100 {
          group.addTask {
            let values = try await cache.values(for: 0..<10) { keys in
              loaded.with { $0 += keys.count }
              return Dictionary(uniqueKeysWithValues: keys.map { ($0, round) })
            }
            #expect(values.count == 10)
          }
          group.addTask {
            let value = try await cache.value(for: 10) { _ in
              loaded.with { $0 += 1 }
              return round
            }
            #expect(value == round)
          }
        }
        try await group.waitForAll()
      }
      #expect(loaded.current == 11)
      #expect(cache.statistics.loads == 11)
    }
  }

  @Test func aFailureIsForgottenWhenALoadSucceeds() async throws {
    let cache = loadingCache { $0.failureLifetime = .seconds(60) }
    await #expect(throws: Broken.self) { try await cache.value(for: 1) { _ in throw Broken() } }
    cache.refresh(1) { _ in 2 }
    await until { cache.get(1) == 2 }
    await until { cache.statistics.loads == 1 }
    cache.remove(1)
    #expect(try await cache.value(for: 1) { _ in 3 } == 3)
  }
}
