import Testing

@testable import LocalCache

/// Loaders that ask a cache.
@Suite struct ReentrancyTests {
  private func cache(_ name: String) -> LocalCache<Int, Int> {
    var configuration = LocalCache<Int, Int>.Configuration()
    configuration.loading.timeout = .seconds(600)
    return LocalCache(name: name, limit: .entries(100), configuration: configuration)
  }

  /// Two loads, begun by different tasks, each of which then wants the other's key: one is told, and both end.
  @Test(arguments: [false, true]) func loadsThatWouldWaitForEachOther(batches: Bool) async throws {
    let (left, right) = (cache("left"), cache("right"))
    let begun = Locked(0)
    @Sendable func load(_ key: Int, then other: LocalCache<Int, Int>, _ otherKey: Int) async throws -> Int {
      begun.with { $0 += 1 }
      await until { begun.current >= 2 }
      guard batches else { return try await other.value(for: otherKey) { _ in -1 } }
      return try await other.values(for: [otherKey, 50]) { keys in
        Dictionary(uniqueKeysWithValues: keys.map { ($0, -1) })
      }[
        otherKey, default: 0]
    }
    let first = Task { try await left.value(for: 1) { try await load($0, then: right, 2) } }
    let second = Task { try await right.value(for: 2) { try await load($0, then: left, 1) } }
    var found = 0
    for task in [first, second] {
      do { _ = try await task.value } catch {
        guard case LocalCacheError.reentrantLoad = error else { throw error }
        found += 1
      }
    }
    // Who is told fails, and with him who waits for him.
    #expect(found == 2)
    #expect(try await left.value(for: 1) { _ in 1 } == 1)
  }

  @Test func aRefreshInTheBackgroundMayAskForTheKeyThatCausedIt() async throws {
    let cache = cache("refresh")
    let value = try await cache.value(for: 1) { _ in
      cache.refresh(2) { _ in try await cache.value(for: 1) { _ in -1 } + 1 }
      return 10
    }
    #expect(value == 10)
    for _ in 0..<2000 where cache.get(2) == nil { try await Task.sleep(for: .milliseconds(1)) }
    #expect(cache.get(2) == 11)
  }

  @Test func theGraphForgetsWhatIsOver() {
    #expect(WaitGraph.begin(waitingFor: .max - 1, from: .max))
    #expect(WaitGraph.begin(waitingFor: .max - 2, from: .max - 1))
    #expect(!WaitGraph.begin(waitingFor: .max, from: .max - 2))
    #expect(!WaitGraph.begin(waitingFor: .max, from: .max))
    WaitGraph.end(waitingFor: .max - 2, from: .max - 1)
    #expect(WaitGraph.begin(waitingFor: .max, from: .max - 2))
    WaitGraph.end(waitingFor: .max, from: .max - 2)
    WaitGraph.end(waitingFor: .max - 1, from: .max)
    WaitGraph.end(waitingFor: .max - 1, from: .max)
  }
}
