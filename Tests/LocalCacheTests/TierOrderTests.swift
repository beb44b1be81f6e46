import Testing

@testable import LocalCache

/// A tier whose calls can be held up before or after they have happened.
final class HeldTier: RemoteTier {
  let inner: MemoryTier
  /// Runs around calls of `get`, `set`, `delete`, `takeLease` and `fill`, under their names.
  let before = Locked<@Sendable (String, [String]) async throws -> Void>({ _, _ in })
  let after = Locked<@Sendable (String, [String]) async throws -> Void>({ _, _ in })

  init(_ inner: MemoryTier) { self.inner = inner }

  private func around<Result: Sendable>(
    _ call: String, _ names: [String], _ body: () async throws -> Result
  ) async throws -> Result {
    try await before.current(call, names)
    let result = try await body()
    try await after.current(call, names)
    return result
  }

  func get(_ names: [String]) async throws -> [[UInt8]?] {
    try await around("get", names) { try await inner.get(names) }
  }
  func set(_ entries: [RemoteEntry]) async throws {
    try await around("set", entries.map(\.name)) { try await inner.set(entries) }
  }
  func delete(_ names: [String]) async throws { try await around("delete", names) { try await inner.delete(names) } }
  func takeLease(of name: String, token: String, lifetime: Duration) async throws -> RemoteLease {
    try await around("takeLease", [name]) { try await inner.takeLease(of: name, token: token, lifetime: lifetime) }
  }
  func fill(_ entry: RemoteEntry, token: String) async throws -> Bool {
    try await around("fill", [entry.name]) { try await inner.fill(entry, token: token) }
  }
  func releaseLease(of name: String, token: String) async throws {
    try await inner.releaseLease(of: name, token: token)
  }
  func subscribe(prefix: String, _ handler: @escaping @Sendable (RemoteChange) -> Void) -> RemoteSubscription? {
    inner.subscribe(prefix: prefix, handler)
  }
}

/// What is written and what is read at the same time, in one process and in several: which of them stays.
@Suite struct TierOrderTests {
  private func held(_ store: MemoryStore, _ process: Int = 0) -> (Words, HeldTier) {
    let tier = HeldTier(MemoryTier(store, process: process))
    var configuration = TieredConfiguration<Int, String>()
    configuration.timeLimit = .seconds(30)
    return (Words(name: "words", limit: .entries(1000), remote: tier, configuration: configuration), tier)
  }

  /// A reader that began before a write and ends during it must not make way for one that finds the old value while the write is on its way: no message
  /// would ever tell of an own write.
  @Test func whatIsReadDuringAnOwnWriteIsNotKept() async throws {
    let store = MemoryStore()
    await words(MemoryTier(store, process: 9)).set("old", for: 1)
    let (cache, tier) = held(store)
    let (reading, writing) = (Gate(), Gate())
    let isFirst = Locked(true)
    tier.after.with {
      $0 = { call, _ in
        guard call == "get", isFirst.take() else { return }
        await reading.pass(0)
      }
    }
    tier.before.with { $0 = { call, _ in if call == "set" { await writing.pass(0) } } }
    let early = Task { await cache.get(1) }
    await until { reading.waiting == 1 }
    let write = Task { await cache.set("new", for: 1) }
    await until { writing.waiting == 1 }
    reading.open()
    #expect(await early.value == "old", "it asked before")
    // Neither tier can be believed now.
    #expect(await cache.get(1) != "old" || cache.local.get(1) == nil)
    #expect(try await cache.value(for: 1) { _ in "loaded" } != "old")
    writing.open()
    #expect(await write.value)
    #expect(await cache.get(1) != "old")
  }

  /// Values of a batch reach the remote tier in the background, in an order with the writes of their keys.
  @Test func aBatchDoesNotOverwriteWhatIsWrittenAfterIt() async throws {
    let store = MemoryStore()
    let (cache, tier) = held(store)
    let gate = Gate()
    let isFirst = Locked(true)
    tier.before.with {
      $0 = { call, _ in
        guard call == "set", isFirst.take() else { return }
        await gate.pass(0)
      }
    }
    #expect(try await cache.values(for: [1, 2]) { _ in [1: "old", 2: "other"] }.count == 2)
    await until { gate.waiting == 1 }
    let write = Task { await cache.set("new", for: 1) }
    try await Task.sleep(for: .milliseconds(50))
    gate.open()
    #expect(await write.value)
    await until { cache.statistics.writes == 3 }
    let next = words(MemoryTier(store, process: 1))
    #expect(await next.get(1) == "new")
    #expect(await next.get(2) == "other")
  }

  /// Every loaded value is stored, outdated, or failed.
  @Test func countsOfWritesAddUp() async throws {
    struct Odd: Error {}
    let tier = HeldTier(MemoryTier(MemoryStore()))
    var configuration = TieredConfiguration<Int, String>()
    let json = configuration.values
    configuration.values.encode = { value in
      if value == "odd" { throw Odd() }
      return try json.encode(value)
    }
    configuration.negativeLifetime = .zero
    let cache = Words(name: "words", limit: .entries(1000), remote: tier, configuration: configuration)
    #expect(try await cache.values(for: 1...3) { _ in [1: "one", 2: "odd"] }.count == 2)
    #expect(try await cache.value(for: 4) { _ in "odd" } == "odd")
    await until { cache.statistics.writes + cache.statistics.failedWrites == 3 }
    #expect(cache.statistics.writes == 1 && cache.statistics.failedWrites == 2 && cache.statistics.outdatedLoads == 0)
  }

  /// One call that is not answered opens no breaker; what it was to remove is removed all the same, though nobody asks for it.
  @Test func aSingleRemovalThatIsNotHeardIsMadeUpFor() async throws {
    let store = MemoryStore()
    let (cache, tier) = held(store)
    #expect(await cache.set("old", for: 1))
    tier.inner.fault.with { $0 = .gone }
    #expect(await !cache.remove(1))
    tier.inner.fault.with { $0 = .none }
    #expect(cache.statistics.isRemoteUsed)
    #expect(await eventually { store.contents["words:1"] == nil })
    #expect(await eventually { cache.statistics.pendingRemovals == 0 })
  }

  /// Refusals are answers, but no removals: they are tried again, ever more seldom, however many readers there are.
  @Test func removalsThatAreRefusedAreNotRepeatedByEveryReader() async throws {
    let store = MemoryStore()
    let (cache, tier) = held(store)
    for key in 0..<200 { await cache.set("old", for: key) }
    let deletes = Locked(0)
    tier.after.with {
      $0 = { call, _ in
        guard call == "delete" else { return }
        deletes.with { $0 += 1 }
        throw RemoteTierError.refused("READONLY")
      }
    }
    for key in 0..<200 { #expect(await !cache.remove(key)) }
    for key in 0..<200 { #expect(try await cache.value(for: key) { "\($0)" } == "\(key)") }
    for _ in 0..<20 {
      for key in 0..<200 {
        cache.local.remove(key)
        _ = await cache.get(key)
      }
    }
    #expect(deletes.current < 1000, "\(deletes.current) removals were tried")
    #expect(cache.statistics.pendingRemovals == 200)
    tier.after.with { $0 = { _, _ in } }
    #expect(await eventually { cache.statistics.pendingRemovals == 0 })
  }

  /// A tier that has room for a lease may have none for the value.
  @Test func aLeaseWhoseValueIsRefusedIsGivenBack() async throws {
    let store = MemoryStore()
    let (cache, tier) = held(store)
    tier.before.with { $0 = { call, _ in if call == "fill" { throw RemoteTierError.refused("OOM") } } }
    #expect(try await cache.value(for: 1) { "\($0)" } == "1")
    #expect(await eventually { cache.statistics.failedWrites == 1 && store.state.current.leases.isEmpty })
  }

  /// The lease was taken, but the answer did not come: others need not wait for its end.
  @Test func aLeaseWhoseAnswerIsLostIsGivenBack() async throws {
    let store = MemoryStore()
    let (cache, tier) = held(store)
    tier.after.with { $0 = { call, _ in if call == "takeLease" { throw RemoteTierError.unavailable("lost") } } }
    #expect(try await cache.value(for: 1) { "\($0)" } == "1")
    #expect(await eventually { store.state.current.leases.isEmpty })
  }

  /// A source that is down gets one early refresh of a key, and not one after the other, while its value is good.
  @Test func earlyRefreshesThatFailPause() async throws {
    struct Down: Error {}
    let cache = words(MemoryTier(MemoryStore())) { $0.stampede.eagerness = 1e12 }
    #expect(
      try await cache.value(for: 1) { _ in
        try await Task.sleep(for: .milliseconds(2))
        return "value"
      } == "value")
    let loads = Locked(0)
    @Sendable func read() async throws {
      let found = try await cache.value(for: 1) { _ in
        loads.with { $0 += 1 }
        throw Down()
      }
      #expect(found == "value")
    }
    // Until the refresh by the first reader, which succeeds, makes way for one that fails.
    for _ in 0..<5000 where cache.local.statistics.failedLoads == 0 {
      try await read()
      try await Task.sleep(for: .milliseconds(1))
    }
    #expect(cache.local.statistics.failedLoads == 1)
    let begin = ContinuousClock.now
    for _ in 0..<200 {
      try await read()
      try await Task.sleep(for: .milliseconds(1))
    }
    // The first pause is at least four fifths of a second, and a machine that runs tests may be busy.
    let most = 2 + Int((ContinuousClock.now - begin) / .milliseconds(800))
    #expect(loads.current <= most, "\(loads.current) loads of a source that is down")
    await until {
      cache.refresh(1) { _ in "asked for" }
      return cache.local.get(1)?.value == "asked for"
    }
  }
}
