import LocalCache
import Testing

/// A remote tier that fails never fails a read, and is soon not asked any more.
@Suite struct TierFaultTests {
  let store = MemoryStore()

  private func reads(_ cache: Words, _ keys: Range<Int>) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for key in keys {
        group.addTask {
          let value = try await cache.value(for: key) { "\($0)" }
          #expect(value == "\(key)")
        }
      }
      try await group.waitForAll()
    }
  }

  @Test(arguments: [MemoryTier.Fault.gone, .slow(.seconds(600)), .silent, .garbage, .full, .overloaded])
  func readsGoOn(_ fault: MemoryTier.Fault) async throws {
    let tier = MemoryTier(store)
    tier.fault.with { $0 = fault }
    let cache = words(tier) {
      $0.timeLimit = .milliseconds(20)
      $0.breaker.pause = .seconds(60)
    }
    let begin = ContinuousClock.now
    for batch in 0..<10 { try await reads(cache, batch * 20..<batch * 20 + 20) }
    #expect(ContinuousClock.now - begin < .seconds(300), "one call that is waited for takes twice as long")
    tier.release()
    switch fault {
    case .gone, .slow, .silent:
      #expect(!cache.statistics.isRemoteUsed && cache.statistics.skippedCalls >= 150)
      #expect(tier.calls.current <= 60, "asked: \(tier.calls.current)")
    case .garbage:
      #expect(cache.statistics.garbage >= 200 && cache.statistics.isRemoteUsed)
    case .full:
      #expect(cache.statistics.refusedCalls >= 200 && cache.statistics.isRemoteUsed)
      #expect(store.contents.isEmpty)
    case .overloaded:
      #expect(cache.statistics.failedCalls >= 200 && cache.statistics.isRemoteUsed, "it serves those that do wait")
    case .none: break
    }
  }

  /// A tier lets some thousand calls wait; a dictionary may be larger.
  @Test func manyValuesAreStoredSomeAtATime() async {
    let tier = MemoryTier(store)
    tier.fault.with { $0 = .slow(.milliseconds(1)) }
    let cache = words(tier) { $0.timeLimit = .seconds(60) }
    #expect(await cache.set(Dictionary(uniqueKeysWithValues: (0..<5000).map { ($0, "\($0)") })) == 5000)
    #expect(store.contents.count == 5000 && cache.local.count == 5000)
    #expect((2...256).contains(tier.setting.current.most))
  }

  /// Once it is known that the tier does not answer, no read pays for finding it again.
  @Test func theTierIsFoundAgainWithoutAReadThatWaits() async throws {
    let tier = MemoryTier(store)
    let cache = words(tier) {
      $0.timeLimit = .milliseconds(100)
      $0.breaker.failures = 2
      $0.breaker.pause = .milliseconds(50)
    }
    tier.fault.with { $0 = .gone }
    try await reads(cache, 0..<10)
    #expect(!cache.statistics.isRemoteUsed)
    tier.fault.with { $0 = .none }
    let isFound = await eventually {
      _ = await cache.get(-1)
      return cache.statistics.isRemoteUsed
    }
    #expect(isFound)
    #expect(await cache.set("back", for: 1))
    #expect(store.contents["words:1"] != nil)
  }

  @Test func aRemovalThatWasNotHeardIsMadeUpFor() async throws {
    let tier = MemoryTier(store)
    let cache = words(tier) { $0.breaker.pause = .milliseconds(30) }
    #expect(await cache.set("old", for: 1))
    tier.fault.with { $0 = .gone }
    #expect(await !cache.remove(1))
    #expect(await !cache.set("new", for: 2))
    #expect(cache.statistics.pendingRemovals == 2)
    tier.fault.with { $0 = .none }
    // The old value lies there still, and is not believed.
    #expect(await cache.get(1) == nil)
    #expect(await cache.get(2) == "new", "the process keeps what it could not pass on")
    #expect(
      await eventually {
        _ = await cache.get(1)
        return cache.statistics.pendingRemovals == 0
      })
    #expect(store.contents["words:1"] == nil)
  }

  /// A full tier keeps the old value when it refuses the new one; so it has to go.
  @Test func whatAFullTierCannotReplaceIsRemoved() async throws {
    let tier = MemoryTier(store)
    let cache = words(tier)
    #expect(await cache.set("old", for: 1))
    tier.fault.with { $0 = .full }
    #expect(await !cache.set("new", for: 1))
    #expect(store.contents["words:1"] == nil && cache.statistics.pendingRemovals == 0)
    #expect(await cache.get(1) == "new")
  }

  @Test func loadedValuesThatWaitForASlowTierAreBounded() async throws {
    let tier = MemoryTier(store)
    let cache = words(tier) {
      $0.maximumPendingWrites = 4
      $0.timeLimit = .seconds(30)
    }
    // Slow only from when the leases are taken: what is written then hangs.
    for key in 0..<20 {
      _ = try await cache.value(for: key) { key in
        tier.fault.with { $0 = .silent }
        return "\(key)"
      }
      tier.fault.with { $0 = .none }
    }
    tier.release()
    #expect(cache.statistics.failedWrites + cache.statistics.writes > 0)
    let areAllCounted = await eventually {
      let statistics = cache.statistics
      return statistics.failedWrites + statistics.writes + statistics.outdatedLoads == 20
    }
    #expect(areAllCounted)
  }

  @Test func aReaderThatIsCancelledDoesNotTakeTheLoadWithIt() async throws {
    let tier = MemoryTier(store)
    let cache = words(tier)
    let gate = Gate()
    let load: @Sendable (Int) async throws -> String? = { key in await gate.pass("\(key)") }
    let first = Task { try await cache.value(for: 1, load: load) }
    #expect(await eventually { gate.waiting == 1 })
    let second = Task { try await cache.value(for: 1, load: load) }
    try await Task.sleep(for: .milliseconds(10))
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
    gate.open()
    #expect(try await second.value == "1")
  }

  @Test func loadsThatNeverReturnAndLoadsOfThemselvesEnd() async throws {
    let hasty = words(MemoryTier(store)) { $0.local.loading.timeout = .milliseconds(50) }
    let gate = Gate()
    await #expect(throws: LocalCacheError.loadTimedOut(cache: "words", key: "5", after: .milliseconds(50))) {
      _ = try await hasty.value(for: 5) { _ in await gate.pass("late") }
    }
    gate.open()
    let cache = words(MemoryTier(store))
    await #expect(throws: LocalCacheError.reentrantLoad(cache: "words", key: "6")) {
      _ = try await cache.value(for: 6) { _ in try await cache.value(for: 6) { "\($0)" } }
    }
    #expect(await eventually { store.state.current.leases["words:6"] == nil })
    #expect(try await cache.value(for: 6) { _ in "six" } == "six")
  }
}
