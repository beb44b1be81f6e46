import LocalCache
import Testing

/// Many keys at once, beside others who ask for some of them.
@Suite struct BatchLoadingTests {
  /// A call that waits for a batch of others gets its own keys, and none that a loader gives beside those it was asked for.
  @Test func onlyWhatWasAskedForIsReturned() async throws {
    let cache = loadingCache()
    let gate = Gate()
    async let many = cache.values(for: [1, 2, 3]) { keys in
      await gate.pass(Dictionary(uniqueKeysWithValues: keys.map { ($0, $0) }))
    }
    await until { gate.waiting == 1 }
    async let one = cache.values(for: [2]) { _ in [:] }
    try await Task.sleep(for: .milliseconds(20))
    gate.open()
    #expect(try await many == [1: 1, 2: 2, 3: 3])
    #expect(try await one == [2: 2])
    #expect(try await cache.values(for: [4]) { _ in [4: 4, 5: 5] } == [4: 4])
    #expect(cache.get(5) == 5)
  }

  struct Broken: Error {}

  @Test func whatIsBeingLoadedIsNotLoadedAgain() async throws {
    let cache = loadingCache("batches")
    let gate = Gate()
    let batches = Locked<[[Int]]>([])
    let single = Task { try await cache.value(for: 1) { key in await gate.pass(key) } }
    await until { gate.waiting == 1 }
    let load: @Sendable ([Int]) async throws -> [Int: Int] = { keys in
      batches.with { $0.append(keys) }
      await gate.pass(0)
      return Dictionary(uniqueKeysWithValues: keys.map { ($0, $0 * 10) })
    }
    let first = Task { try await cache.values(for: [1, 2, 3], load: load) }
    await until { gate.waiting == 2 }
    let second = Task { try await cache.values(for: [3, 2, 4], load: load) }
    await until { gate.waiting == 3 }
    let third = Task { try await cache.value(for: 2) { _ in -1 } }
    gate.open()
    #expect(try await single.value == 1)
    #expect(try await first.value == [1: 1, 2: 20, 3: 30])
    #expect(try await second.value == [2: 20, 3: 30, 4: 40])
    #expect(try await third.value == 20)
    #expect(batches.current == [[2, 3], [4]])
    #expect(cache.statistics.loads == 4)
  }

  @Test func aKeyThatABatchLeavesOutIsLoadedByWhoWantsIt() async throws {
    let cache = loadingCache("batches")
    let gate = Gate()
    let batch = Task {
      try await cache.values(for: [1, 2]) { _ in
        await gate.pass(0)
        return [1: 1]
      }
    }
    await until { gate.waiting == 1 }
    let single = Task { try await cache.value(for: 2) { _ in 22 } }
    for _ in 0..<20 { await Task.yield() }
    gate.open()
    #expect(try await batch.value == [1: 1])
    #expect(try await single.value == 22)
    #expect(cache.get(2) == 22)
  }

  @Test func batchesThatNeverReturnTimeOut() async {
    let cache = loadingCache("batches") { $0.timeout = .milliseconds(50) }
    let gate = Gate()
    await #expect(
      throws: LocalCacheError.loadTimedOut(cache: "batches", key: "1 and 1 more", after: .milliseconds(50))
    ) {
      _ = try await cache.values(for: [1, 2]) { _ in [1: await gate.pass(1)] }
    }
    gate.open()
    #expect(cache.statistics.failedLoads == 2)
  }

  @Test func whoWaitsForABatchIsNotCancelledWithIt() async throws {
    let cache = loadingCache("batches")
    let gate = Gate()
    let batch = Task { try await cache.values(for: [1, 2]) { _ in [1: await gate.pass(1), 2: 2] } }
    await until { gate.waiting == 1 }
    let joined = Locked(false)
    let single = Task {
      joined.with { $0 = true }
      return try await cache.value(for: 2) { _ in -1 }
    }
    await until { joined.current }
    try await Task.sleep(for: .milliseconds(50))
    batch.cancel()
    await #expect(throws: CancellationError.self) { try await batch.value }
    gate.open()
    #expect(try await single.value == 2)
  }

  @Test func theErrorOfABatchIsThatOfAllWhoWait() async throws {
    let cache = loadingCache("batches") { $0.failureLifetime = .seconds(60) }
    let gate = Gate()
    let batch = Task {
      try await cache.values(for: [1, 2]) { keys -> [Int: Int] in
        _ = await gate.pass(0)
        throw Broken()
      }
    }
    await until { gate.waiting == 1 }
    let single = Task { try await cache.value(for: 2) { _ in 22 } }
    try await Task.sleep(for: .milliseconds(50))
    gate.open()
    await #expect(throws: Broken.self) { try await batch.value }
    await #expect(throws: Broken.self) { try await single.value }
    // It says nothing about any one key, so it is not remembered.
    #expect(try await cache.value(for: 2) { _ in 22 } == 22)
  }

  /// One who comes while the last one goes must not be taken for him.
  @Test func nobodyIsCancelledInPlaceOfAnother() async throws {
    let cache = loadingCache("batches")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          var random = Generator(state: UInt64(worker))
          for round in 0..<400 {
            let key = round % 7
            let task = Task {
              try await cache.value(for: key) { key in
                try await Task.sleep(for: .microseconds(50))
                return key
              }
            }
            let isCancelled = Int.random(in: 0..<3, using: &random) != 0
            if isCancelled {
              await Task.yield()
              task.cancel()
              _ = try? await task.value
            } else {
              let value = try await task.value
              #expect(value == key)
            }
            cache.remove(key)
          }
        }
      }
      try await group.waitForAll()
    }
  }
}

/// Loads wait here until it is opened.
final class Gate: Sendable {
  private let state = Locked((isOpen: false, waiting: [CheckedContinuation<Void, Never>](), passed: 0))

  /// How many have come, whether they have gone on or not.
  var waiting: Int { state.current.passed }

  /// Ignores cancellation.
  @discardableResult
  func pass<Value: Sendable>(_ value: Value) async -> Value {
    await withCheckedContinuation { continuation in
      let isOpen = state.with { state in
        state.passed += 1
        if !state.isOpen { state.waiting.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
    return value
  }

  func open() {
    let waiting = state.with { state in
      state.isOpen = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}
