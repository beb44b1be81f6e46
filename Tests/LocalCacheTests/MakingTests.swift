import Foundation
import Testing

@testable import LocalCache

/// Values that callers make who are not asynchronous.
@Suite struct MakingTests {
  struct Broken: Error, Equatable {}

  /// What a thread makes a value with: it is under way until it is told to end.
  private struct Slow: Sendable {
    private let begun = Locked(0)
    private let mayEnd = DispatchSemaphore(value: 0)

    /// How often it was begun.
    var count: Int { begun.current }

    func make(_ value: () throws -> Int) rethrows -> Int {
      begun.with { $0 += 1 }
      mayEnd.wait()
      return try value()
    }

    func end() { mayEnd.signal() }
  }

  /// One thread makes something until it is told to end; the others ask meanwhile.
  @Test func oneThreadMakesForAll() async throws {
    let cache = loadingCache()
    let slow = Slow()
    async let first = offThePool { try cache.value(for: 7) { slow.make { 14 } } }
    await until { slow.count == 1 }
    let others = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<6 { group.addTask { try await offThePool { try cache.value(for: 7) { -1 } } } }
      // A task waits as well, but no thread of its own.
      group.addTask { try await cache.value(for: 7) { _ in -1 } }
      group.addTask { try await cache.values(for: [7, 8]) { _ in [8: 16] }[7, default: -1] }
      await until { cache.statistics.joinedLoads == 8 }
      slow.end()
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(try await first == 14)
    #expect(others == Array(repeating: 14, count: 8))
    #expect(slow.count == 1 && cache.get(7) == 14)
    #expect(cache.statistics.loads == 2 && cache.statistics.joinedLoads == 8)
  }

  @Test func errorsAreSharedAndNotStored() async {
    let cache = loadingCache()
    let slow = Slow()
    let first = Task { try await offThePool { try cache.value(for: 1) { try slow.make { throw Broken() } } } }
    await until { slow.count == 1 }
    let second = Task { try await offThePool { try cache.value(for: 1) { 2 } } }
    await until { cache.statistics.joinedLoads == 1 }
    slow.end()
    await #expect(throws: Broken.self) { try await first.value }
    await #expect(throws: Broken.self) { try await second.value }
    #expect(cache.get(1) == nil && cache.statistics.failedLoads == 1)
    #expect((try? cache.value(for: 1) { 3 }) == 3)
  }

  @Test func failuresAreRememberedWhereAsked() async throws {
    let cache = loadingCache { $0.failureLifetime = .seconds(60) }
    var made = 0
    for _ in 0..<3 {
      #expect(throws: Broken.self) {
        _ = try cache.value(for: 1) {
          made += 1
          throw Broken()
        }
      }
    }
    #expect(made == 1)
    await #expect(throws: Broken.self) { _ = try await cache.value(for: 1) { _ in 1 } }
    cache.set(2, for: 1)
    #expect(try cache.value(for: 1) { 3 } == 2)
  }

  @Test func whoAsksForItselfIsToldAndOthersMayBeAsked() throws {
    let cache = loadingCache()
    #expect(throws: LocalCacheError.reentrantLoad(cache: "loading", key: "1")) {
      try cache.value(for: 1) { try cache.value(for: 2) { try cache.value(for: 1) { 1 } } }
    }
    func fibonacci(_ number: Int) throws -> Int {
      number < 2 ? number : try cache.value(for: number) { try fibonacci(number - 1) + fibonacci(number - 2) }
    }
    #expect(try fibonacci(60) == 1_548_008_755_920)
    #expect(cache.statistics.loads == 59)
  }

  /// Two threads, each of which wants what the other one makes, one of them through something else that it makes: one is told, and both end.
  @Test func threadsThatWouldWaitForEachOther() async throws {
    let (left, right) = (loadingCache("left") { $0.timeout = nil }, loadingCache("right") { $0.timeout = nil })
    let arrived = Locked(0)
    @Sendable func meet() {
      arrived.with { $0 += 1 }
      for _ in 0..<10_000 where arrived.current < 2 { usleep(1000) }
    }
    async let first: Int = offThePool {
      try left.value(for: 1) {
        try left.value(for: 3) {
          meet()
          return try right.value(for: 2) { -1 }
        }
      }
    }
    async let second: Int = offThePool {
      try right.value(for: 2) {
        meet()
        return try left.value(for: 1) { -1 }
      }
    }
    var told = 0
    do { _ = try await first } catch LocalCacheError.reentrantLoad { told += 1 }
    do { _ = try await second } catch LocalCacheError.reentrantLoad { told += 1 }
    // Who is told fails, and with him who waits for him.
    #expect(told == 2)
    #expect(try left.value(for: 1) { 1 } == 1)
  }

  /// A load may need the thread that would wait for it: so no thread does.
  @Test func aLoadIsNotWaitedFor() async throws {
    let cache = loadingCache { $0.timeout = nil }
    let (begun, end) = (Locked(false), Locked(false))
    async let loaded = cache.value(for: 1) { _ in
      begun.with { $0 = true }
      await until { end.current }
      // Nor does its own thread: it would be the same.
      return try cache.value(for: 1) { -1 } + cache.value(for: 2) { 10 }
    }
    await until { begun.current }
    #expect(try cache.value(for: 1) { 100 } == 100)
    end.with { $0 = true }
    #expect(try await loaded == 110)
    #expect(cache.get(1) == 100, "what was made came after the load had begun")
  }

  /// All threads of Swift's pool may wait for one that is none of them.
  @Test func tasksThatWaitInTheirThreads() async throws {
    let cache = loadingCache { $0.timeout = nil }
    let slow = Slow()
    async let first = offThePool { try cache.value(for: 1) { slow.make { 1 } } }
    await until { slow.count == 1 }
    Thread.detachNewThread {
      for _ in 0..<10_000 where cache.statistics.joinedLoads == 0 { usleep(1000) }
      usleep(20_000)
      slow.end()
    }
    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<100 { group.addTask { try cache.value(for: 1) { -1 } } }
      return try await group.reduce(0, +)
    }
    #expect(try await first == 1 && sum == 100)
  }

  @Test func aWriteMeanwhileStays() throws {
    let cache = loadingCache()
    #expect(
      try cache.value(for: 1) {
        cache.set(5, for: 1)
        return 4
      } == 4)
    #expect(cache.get(1) == 5)
    #expect(
      try cache.value(for: 2) {
        cache.removeAll()
        return 4
      } == 4)
    #expect(cache.get(2) == nil)
    // Who asks after the write is not given what was begun before it.
    #expect(
      try cache.value(for: 3) {
        cache.remove(3)
        return try cache.value(for: 3) { 7 }
      } == 7)
    #expect(cache.get(3) == 7)
  }

  @Test func whoWaitsTooLongIsTold() async throws {
    let cache = loadingCache { $0.timeout = .milliseconds(50) }
    let slow = Slow()
    for key in [5, 6] {
      async let first = offThePool { try cache.value(for: key) { slow.make { key } } }
      await until { slow.count == key - 4 }
      let error = LocalCacheError.loadTimedOut(cache: "loading", key: "\(key)", after: .milliseconds(50))
      await #expect(throws: error) {
        if key == 5 {
          _ = try await offThePool { try cache.value(for: key) { -1 } }
        } else {
          _ = try await cache.value(for: key) { _ in -1 }
        }
      }
      #expect(try cache.value(for: key) { 60 } == 60, "nobody waits for it any more")
      slow.end()
      #expect(try await first == key)
      #expect(cache.get(key) == 60, "it came too late")
    }
    #expect(cache.statistics.failedLoads == 2 && cache.statistics.loads == 2)
  }

  @Test func lifetimesAndStatistics() throws {
    let clock = ManualClock()
    let cache = LocalCache<Int, Int>(name: "made", limit: .entries(100)) {
      $0.clock = clock
      $0.expiry.afterWrite = .seconds(10)
      $0.loading.refreshAfter = .seconds(1)
    }
    #expect(
      try cache.value(for: 1) {
        usleep(20_000)
        return 1
      } == 1)
    let statistics = cache.statistics
    #expect(statistics.loads == 1 && statistics.loadTime >= .milliseconds(20))
    clock.advance(by: .seconds(9))
    #expect(try cache.value(for: 1) { 2 } == 1)
    clock.advance(by: .seconds(2))
    #expect(try cache.value(for: 1) { 2 } == 2)
    #expect(cache.loader.flying.load(ordering: .relaxed) == 0)
    #expect(cache.loader.state.withLock { $0.makings.isEmpty && $0.flights.isEmpty && $0.timed.first == nil })
  }

  /// A value that cannot be stored is made for each that asks.
  @Test func whatIsRefusedIsReturned() throws {
    let cache = LocalCache<Int, Int>(name: "nothing", limit: .entries(0))
    #expect(try cache.value(for: 1) { 1 } == 1)
    #expect(try cache.value(for: 1) { 2 } == 2)
  }

  /// Threads and tasks that ask, write and remove, in all ways at once: nobody hangs, and all get a value of their key.
  @Test func threadsAndTasksTogether() async throws {
    let cache = loadingCache("together") { $0.timeout = .seconds(60) }
    @Sendable func step(_ random: inout Generator, _ key: Int) throws -> Int {
      switch random.next() % 8 {
      case 0: cache.remove(key) ?? key
      case 1:
        try cache.value(for: key) {
          // Keys above only, so that there is no circle.
          key < 15 ? try cache.value(for: key + 1) { (key + 1) << 8 } - 256 : key << 8
        } >> 8
      case 2: cache.set(key << 8, for: key) ? key : -1
      default: try cache.value(for: key) { key << 8 } >> 8
      }
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for seed in 0..<4 {
        group.addTask {
          try await offThePool {
            var random = Generator(state: UInt64(seed))
            for _ in 0..<5000 {
              let key = Int(random.next() % 16)
              let found = try step(&random, key)
              #expect(found == key || found == key << 8)
            }
          }
        }
        group.addTask {
          var random = Generator(state: UInt64(100 + seed))
          for _ in 0..<500 {
            let key = Int(random.next() % 16)
            let value = try await cache.value(for: key) { $0 << 8 }
            #expect(value == key << 8)
            cache.remove(key)
          }
        }
      }
      try await group.waitForAll()
    }
    await until { cache.loader.flying.load(ordering: .relaxed) == 0 }
    #expect(cache.loader.state.withLock { $0.makings.isEmpty && $0.flights.isEmpty })
  }
}
