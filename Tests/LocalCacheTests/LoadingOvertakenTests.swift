import Foundation
import Testing

@testable import LocalCache

/// A write that happens while its key is being loaded is newer than the load.
@Suite struct LoadingOvertakenTests {
  /// A loader that waits until it is told to go on.
  private func gated(
    _ cache: LocalCache<Int, String>, _ write: @Sendable () async throws -> Void
  ) async throws -> String {
    let began = Locked(false)
    let goOn = Locked(false)
    async let loaded = cache.value(for: 1) { _ in
      began.with { $0 = true }
      await until { goOn.current }
      return "loaded"
    }
    await until { began.current }
    try await write()
    goOn.with { $0 = true }
    return try await loaded
  }

  @Test func aValueThatWasSetStays() async throws {
    let cache = LocalCache<Int, String>(name: "overtaken", limit: .entries(100))
    #expect(try await gated(cache) { cache.set("newer", for: 1) } == "loaded", "those who wait get what they asked for")
    #expect(cache.get(1) == "newer")
  }

  @Test func aKeyThatWasRemovedStaysRemoved() async throws {
    let cache = LocalCache<Int, String>(name: "overtaken", limit: .entries(100))
    _ = try await gated(cache) { cache.remove(1) }
    #expect(cache.get(1) == nil)
    _ = try await gated(cache) { cache.removeAll() }
    #expect(cache.get(1) == nil)
    #expect(try await cache.value(for: 1) { _ in "later" } == "later")
    #expect(cache.get(1) == "later")
  }

  /// A value that is not taken in makes the one that is loaded out of date all the same.
  @Test func aValueThatWasRefusedIsNotReplacedByAnOlderOne() async throws {
    let cache = LocalCache<Int, String>(name: "overtaken", limit: .entries(100))
    let loaded = try await gated(cache) { #expect(!cache.set("newer", for: 1, lifetime: .seconds(1))) }
    #expect(loaded == "loaded")
    #expect(cache.get(1) == nil)
  }

  /// Who asks for many keys waits for the batch of somebody else for some of them. What that brings of the others may be older than a write.
  @Test func ofABatchOfOthersOnlyWhatItIsWaitedForCounts() async throws {
    let cache = LocalCache<Int, String>(name: "overtaken", limit: .entries(100))
    let (began, goOn) = (Locked(false), Locked(false))
    async let first = cache.values(for: [1, 2]) { keys in
      began.with { $0 = true }
      await until { goOn.current }
      return Dictionary(uniqueKeysWithValues: keys.map { ($0, "old") })
    }
    await until { began.current }
    cache.remove(2)
    async let second = cache.values(for: [1, 2]) { keys in Dictionary(uniqueKeysWithValues: keys.map { ($0, "new") }) }
    await until { cache.contains(2) }
    goOn.with { $0 = true }
    #expect(try await first == [1: "old", 2: "old"])
    #expect(try await second == [1: "old", 2: "new"])
    #expect(cache.get(2) == "new")
  }

  @Test func writesOfOtherKeysDoNotMatter() async throws {
    let cache = LocalCache<Int, String>(name: "overtaken", limit: .entries(100))
    #expect(try await gated(cache) { for other in 2..<500 { cache.set("other", for: other) } } == "loaded")
    #expect(cache.get(1) == "loaded")
  }

  /// An entry that needs the room of other shards takes another way in.
  @Test func largeValuesAreOvertakenToo() async throws {
    var configuration = LocalCache<Int, String>.Configuration()
    configuration.weigher = { _, value in value == "loaded" ? 90 : 1 }
    configuration.shards = 8
    let cache = LocalCache<Int, String>(name: "overtaken", limit: .weight(100), configuration: configuration)
    _ = try await gated(cache) { cache.set("newer", for: 1) }
    #expect(cache.get(1) == "newer")
    cache.remove(1)
    #expect(try await gated(cache) {} == "loaded")
    #expect(cache.get(1) == "loaded")
  }

  /// The time of a load may be over just when its value is about to be stored.
  @Test func aLoadThatIsGivenUpAtTheLastMomentIsOvertakenToo() async throws {
    var configuration = LocalCache<Int, String>.Configuration()
    configuration.loading.timeout = .milliseconds(200)
    let (began, goOn, ended) = (Locked(false), Locked(false), Locked(false))
    configuration.weigher = { _, value in
      guard value == "loaded" else { return 1 }
      began.with { $0 = true }
      while !goOn.current { Thread.sleep(forTimeInterval: 0.001) }
      ended.with { $0 = true }
      return 1
    }
    let cache = LocalCache<Int, String>(name: "overtaken", limit: .weight(100), configuration: configuration)
    await #expect(throws: LocalCacheError.self) { try await cache.value(for: 1) { _ in "loaded" } }
    #expect(began.current)
    cache.set("newer", for: 1)
    goOn.with { $0 = true }
    await until { ended.current && !cache.loader.isFlying }
    #expect(cache.get(1) == "newer")
  }

  /// Who asks after a removal gets a load that began after it.
  @Test func whoAsksAfterARemovalIsNotGivenAnOlderLoad() async throws {
    let cache = LocalCache<Int, String>(name: "overtaken", limit: .entries(100))
    let first = try await gated(cache) {
      cache.remove(1)
      let second = try await cache.value(for: 1) { _ in "loaded later" }
      #expect(second == "loaded later")
    }
    #expect(first == "loaded")
    #expect(cache.get(1) == "loaded later")
  }

  /// Values of keys that nobody asked for are stored too, but are no newer than the load.
  @Test func whatABatchBringsAlongIsOvertakenToo() async throws {
    let cache = loadingCache()
    cache.set(30, for: 3)
    cache.set(40, for: 4)
    let gate = Gate()
    let batch = Task {
      try await cache.values(for: [1]) { _ in
        await gate.pass(0)
        return [1: -1, 2: -2, 3: -3, 4: -4, 5: -5]
      }
    }
    await until { gate.waiting == 1 }
    cache.set(20, for: 2)
    cache.remove(3)
    gate.open()
    #expect(try await batch.value == [1: -1])
    #expect(cache.get(1) == -1 && cache.get(2) == 20 && cache.get(3) == nil)
    // Another of the 256 counters, but for two keys in 256 each.
    #expect([cache.get(4) == -4, cache.get(5) == -5].contains(true))
  }
}
