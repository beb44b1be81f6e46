import Testing

@testable import LocalCache

@Suite struct TieredCacheTests {
  let store = MemoryStore()

  @Test func aSecondProcessFindsWhatTheFirstHasLoaded() async throws {
    let (first, second) = (words(MemoryTier(store, process: 1)), words(MemoryTier(store, process: 2)))
    #expect(try await first.value(for: 1) { "value \($0)" } == "value 1")
    #expect(await eventually { first.statistics.writes == 1 })
    let loads = Locked(0)
    let value = try await second.value(for: 1) { _ in
      loads.with { $0 += 1 }
      return "loaded again"
    }
    #expect(value == "value 1" && loads.current == 0)
    #expect(second.statistics.remoteHits == 1)
    // And then in its own memory.
    #expect(await second.get(1) == "value 1")
    #expect(second.statistics.remoteHits == 1 && second.local.statistics.hits == 1)
  }

  /// Clocks that are hours apart: what one stores is over for the other, or would be kept by it for hours.
  @Test func clocksOfProcessesThatDisagree() async throws {
    let clock = ManualClock()
    let caches = [0, 3].map { (hours: Int64) in
      words(MemoryTier(store, process: Int(hours))) { configuration in
        configuration.lifetime = .seconds(600)
        configuration.stampede.eagerness = 0
        configuration.local.clock = clock
        configuration.wallClock = { (hours + 1000) * 3_600_000 + Int64(clock.now.offset / .milliseconds(1)) }
      }
    }
    #expect(await caches[0].set("behind", for: 1))
    #expect(try await caches[1].value(for: 1) { _ in "ahead" } == "ahead")
    #expect(await eventually { caches[1].statistics.writes == 1 })
    #expect(await caches[0].get(1) == "ahead" && caches[0].statistics.remoteHits == 1)
    clock.advance(by: .seconds(599))
    #expect(await caches[0].get(1) == "ahead" && caches[0].statistics.remoteHits == 1)
    // The server, which counts by a clock of its own, may have it no more by then.
    clock.advance(by: .seconds(2))
    store.state.with { $0.contents = [:] }
    #expect(await caches[0].get(1) == nil)
  }

  /// That there is no value is believed for as long as this process would remember it, whatever the clock of who says so.
  @Test func noValueOfAProcessWhoseClockIsAhead() async throws {
    let time = Locked(Int64(1_000_000))
    let caches = [0, 3].map { (hours: Int64) in
      words(MemoryTier(store, process: Int(hours))) { configuration in
        configuration.negativeLifetime = .seconds(10)
        configuration.stampede.eagerness = 0
        configuration.wallClock = { time.current + hours * 3_600_000 }
      }
    }
    #expect(try await caches[1].value(for: 1) { _ in nil } == nil)
    #expect(await eventually { caches[1].statistics.writes == 1 })
    let loads = Locked(0)
    let load: @Sendable (Int) async throws -> String? = { _ in
      loads.with { $0 += 1 }
      return nil
    }
    #expect(try await caches[0].value(for: 1, load: load) == nil)
    #expect(loads.current == 0 && caches[0].statistics.negativeHits == 1)
    let kept = try #require(caches[0].local.get(1))
    #expect(kept.deadline == time.current + 10_000)
  }

  @Test func thatThereIsNoValueIsRememberedForItsTime() async throws {
    let time = Locked(Int64(1_000_000))
    let tiers = (1...2).map { MemoryTier(store, process: $0) }
    let caches = tiers.map { tier in
      words(tier) { configuration in
        configuration.negativeLifetime = .seconds(10)
        configuration.wallClock = { time.current }
        configuration.stampede.eagerness = 0
      }
    }
    let loads = Locked(0)
    let load: @Sendable (Int) async throws -> String? = { _ in
      loads.with { $0 += 1 }
      return nil
    }
    #expect(try await caches[0].value(for: 1, load: load) == nil)
    #expect(await eventually { caches[0].statistics.writes == 1 })
    for cache in caches { #expect(try await cache.value(for: 1, load: load) == nil) }
    #expect(loads.current == 1 && caches[1].statistics.negativeHits == 1)
    time.with { $0 += 11_000 }
    caches[1].local.removeAll()
    #expect(try await caches[1].value(for: 1, load: load) == nil)
    #expect(loads.current == 2)
  }

  /// Eight processes with many readers each: one load.
  @Test func processesDoNotLoadAtTheSameTime() async throws {
    let caches = (1...8).map { words(MemoryTier(store, process: $0)) { $0.stampede.longestWait = .seconds(20) } }
    let loads = Locked(0)
    try await withThrowingTaskGroup(of: String?.self) { group in
      for _ in 0..<25 {
        for cache in caches {
          group.addTask {
            try await cache.value(for: 5) { _ in
              loads.with { $0 += 1 }
              try await Task.sleep(for: .milliseconds(100))
              return "five"
            }
          }
        }
      }
      for try await value in group { #expect(value == "five") }
    }
    #expect(loads.current == 1)
    #expect(caches.reduce(0) { $0 + $1.statistics.waits } == 7)
  }

  /// The value is stored after a process has found nothing and before it has the lease.
  @Test func aValueThatWasJustStoredIsNotLoadedAgain() async throws {
    let (first, second) = (words(MemoryTier(store, process: 1)), MemoryTier(store, process: 2))
    #expect(await first.set("stored", for: 1))
    let bytes = try #require(store.contents["words:1"])
    store.state.with { $0.contents = [:] }
    let late = words(second)
    second.beforeLease.with { [store] in $0 = { store.put(bytes, "words:1") } }
    #expect(try await late.value(for: 1) { _ in "loaded" } == "stored")
    #expect(late.statistics.loads == 0 && late.statistics.remoteMisses == 1)
    #expect(await eventually { store.state.current.leases.isEmpty })
  }

  /// However late the tier answers, and whatever time this process gets.
  @Test(arguments: [Duration.zero, .nanoseconds(1), .milliseconds(100)])
  func aLeaseThatIsNeverGivenBackHoldsNobodyForLong(longestWait: Duration) async throws {
    let tier = MemoryTier(store)
    store.state.with { $0.leases["words:1"] = "somebody who died" }
    let cache = words(tier) {
      $0.timeLimit = .seconds(600)
      $0.stampede.longestWait = longestWait
    }
    #expect(try await cache.value(for: 1) { "\($0)" } == "1")
    let waits: UInt64 = longestWait > .zero ? 1 : 0
    #expect(cache.statistics.waits == waits && cache.statistics.waitsInVain == waits)
    #expect(store.contents.isEmpty, "the one with the lease is to write")
  }

  /// What the cache looks up for itself is no hit: the verdict is about what its users ask for.
  @Test func aRefreshIsNoLookUp() async {
    let cache = words(MemoryTier(store))
    #expect(await cache.set("old", for: 1))
    cache.refresh(1) { _ in "new" }
    #expect(await eventually { cache.statistics.writes == 2 })
    #expect(cache.local.statistics.requests == 0)
    #expect(await cache.get(1) == "new" && cache.local.statistics.hits == 1)
  }

  @Test func aFailedLoadGivesTheLeaseBack() async throws {
    struct Broken: Error {}
    let cache = words(MemoryTier(store))
    await #expect(throws: Broken.self) { _ = try await cache.value(for: 1) { _ in throw Broken() } }
    #expect(await eventually { store.state.current.leases.isEmpty })
    #expect(try await cache.value(for: 1) { _ in "now" } == "now")
  }

  /// A mark joins the colon that ends the prefix; names of caches do not contain each other.
  @Test(arguments: ["\u{301}", "\u{200D}x", "\u{FE0F}", "a:\u{308}b", ""])
  func othersDropKeysOfAnyCharacters(key: String) async throws {
    let first = TieredCache<String, String>(name: "marks", limit: .entries(10), remote: MemoryTier(store, process: 1))
    let second = TieredCache<String, String>(name: "marks", limit: .entries(10), remote: MemoryTier(store, process: 2))
    #expect(await first.set("old", for: key))
    #expect(await second.get(key) == "old")
    #expect(await first.set("new", for: key))
    #expect(await second.get(key) == "new")
    #expect(TieredCache<String, String>.prefix("a:\(key)").utf8.count { $0 == UInt8(ascii: ":") } == 1)
  }

  @Test func othersDropWhatIsChanged() async throws {
    let (first, second) = (words(MemoryTier(store, process: 1)), words(MemoryTier(store, process: 2)))
    #expect(await first.set("old", for: 1))
    #expect(await second.get(1) == "old")
    #expect(await first.set("new", for: 1))
    #expect(await second.get(1) == "new")
    #expect(second.statistics.invalidations == 2 && first.statistics.invalidations == 0)
    await first.remove(1)
    #expect(await second.get(1) == nil)
    #expect(await first.get(1) == nil)
  }

  /// The message comes while the value is on its way: what was read must not be kept.
  @Test func aLoadThatMeetsAChangeIsNotKept() async throws {
    let (first, second) = (words(MemoryTier(store, process: 1)), words(MemoryTier(store, process: 2)))
    let value = try await first.value(for: 1) { _ in
      await second.set("newer", for: 1)
      return "older"
    }
    #expect(value == "older", "who asked before the change may see what was there before")
    #expect(await eventually { first.statistics.outdatedLoads == 1 })
    #expect(await first.get(1) == "newer")
    #expect(await second.get(1) == "newer")
  }

  /// Messages begin while a value is loaded: it is not kept, since it may be older than what was missed, but the lease lets it be stored.
  @Test func aLoadThatMeetsAGapIsStoredRemotely() async throws {
    let cache = words(MemoryTier(store))
    _ = try await cache.value(for: 1) { [store] _ in
      for subscriber in store.state.current.subscribers { subscriber.handler(.began) }
      return "loaded"
    }
    #expect(await eventually { cache.statistics.writes == 1 })
    #expect(cache.local.count == 0)
    #expect(await cache.get(1) == "loaded")
  }

  /// The same without messages: the lease alone keeps the older value from the store.
  @Test func aLoadDoesNotOverwriteWhatIsNewer() async throws {
    let (first, second) = (MemoryTier(store, process: 1), MemoryTier(store, process: 2))
    let (reader, writer) = (words(first), words(second))
    store.state.with { $0.subscribers = [] }
    _ = try await reader.value(for: 1) { _ in
      await writer.set("newer", for: 1)
      return "older"
    }
    #expect(await eventually { reader.statistics.outdatedLoads == 1 })
    reader.local.removeAll()
    #expect(await reader.get(1) == "newer")
  }

  @Test func messagesThatMayHaveBeenMissedEmptyTheLocalTier() async {
    let tier = MemoryTier(store)
    let cache = words(tier)
    await cache.set("kept", for: 1)
    // The store changes while no messages come.
    store.put([], "words:1")
    #expect(await cache.get(1) == "kept")
    for subscriber in store.state.current.subscribers { subscriber.handler(.ended) }
    #expect(await cache.get(1) == "kept" && !cache.statistics.isInvalidated)
    for subscriber in store.state.current.subscribers { subscriber.handler(.began) }
    #expect(await cache.get(1) == nil && cache.statistics.isInvalidated)
    #expect(cache.statistics.flushes == 2)
  }

  @Test func whatIsWrittenLastStaysInBothTiers() async throws {
    let cache = words(MemoryTier(store))
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<200 {
        group.addTask {
          if number % 5 == 0 { await cache.remove(1) } else { await cache.set("\(number)", for: 1) }
        }
      }
    }
    let local = await cache.get(1)
    cache.local.removeAll()
    #expect(await cache.get(1) == local)
  }

  @Test func batchesAskEachTierForWhatTheOneBeforeLacks() async throws {
    let (first, second) = (words(MemoryTier(store, process: 1)), words(MemoryTier(store, process: 2)))
    await first.set(Dictionary(uniqueKeysWithValues: (0..<300).map { ($0, "\($0)") }))
    await second.set("own", for: 1000)
    let asked = Locked<[Int]>([])
    let values = try await second.values(for: Array(0..<500) + [1000, 3]) { keys in
      asked.with { $0 += keys }
      return Dictionary(uniqueKeysWithValues: keys.filter { $0 != 499 }.map { ($0, "loaded \($0)") })
    }
    #expect(values.count == 500 && values[7] == "7" && values[400] == "loaded 400" && values[1000] == "own")
    #expect(values[499] == nil && asked.current.sorted() == Array(300..<500))
    #expect(await eventually { store.contents.count == 501 }, "that 499 has none is stored too")
    let shared = try await first.values(for: [400, 499]) { _ in [:] }
    #expect(shared == [400: "loaded 400"])
  }

  /// Near its end a value is loaded again by one of many readers, who all go on with the old one.
  @Test func valuesAreRefreshedBeforeTheyEnd() async throws {
    let time = Locked(Int64(1_000_000))
    let cache = words(MemoryTier(store)) { configuration in
      configuration.lifetime = .seconds(60)
      configuration.wallClock = { time.current }
      // A minute before its end a value is not loaded again, a millisecond before it nearly always, and soon even then: chance decides.
      configuration.stampede.eagerness = 20
    }
    let loads = Locked(0)
    let load: @Sendable (Int) async throws -> String? = { _ in
      let number = loads.with { loads in
        loads += 1
        return loads
      }
      try await Task.sleep(for: .milliseconds(20))
      return "value \(number)"
    }
    #expect(try await cache.value(for: 1, load: load) == "value 1")
    #expect(loads.current == 1)
    time.with { $0 += 59_999 }
    #expect(try await cache.value(for: 1, load: load) == "value 1")
    #expect(
      await eventually {
        _ = try? await cache.value(for: 1, load: load)
        return loads.current == 2
      })
    #expect(await eventually { await cache.get(1) == "value 2" })
    #expect(cache.statistics.earlyRefreshes >= 1)
  }
}
