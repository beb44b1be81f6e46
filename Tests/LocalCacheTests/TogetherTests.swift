import Testing

@testable import LocalCache

/// Many tasks that do everything at once, before a source of versions: who reads after a write has returned gets nothing that was before it.
@Suite struct TogetherTests {
  final class Version: Sendable {
    let key: Int
    let number: Int
    init(_ key: Int, _ number: Int) { (self.key, self.number) = (key, number) }
  }

  typealias Cache = LocalCache<Int, Version>
  private struct Failed: Error {}

  /// The versions of each key: the newest, and the newest of which a write has returned.
  private final class Source: Sendable {
    private let rows: [Locked<(newest: Int, published: Int)>]
    private let wrong = Locked<[String]>([])
    var complaints: [String] { wrong.current }
    var count: Int { rows.count }

    init(keys: Int) { rows = (0..<keys).map { _ in Locked((0, 0)) } }

    func published(_ key: Int) -> Int { rows[key].with { $0.published } }
    func next(_ key: Int) -> Int {
      rows[key].with { row in
        row.newest += 1
        return row.newest
      }
    }
    func publish(_ number: Int, _ key: Int) { rows[key].with { $0.published = number } }

    /// How a load goes is up to a die.
    func load(_ key: Int, _ die: Int) async throws -> Version {
      let number = rows[key].with { $0.newest }
      switch die {
      case 0: throw Failed()
      case 1: try await Task.sleep(for: .milliseconds(1))
      case 2: try await Task.sleep(for: .milliseconds(40))
      case 3..<20: await Task.yield()
      default: break
      }
      return Version(key, number)
    }

    func check(_ found: Version?, _ key: Int, since number: Int, _ how: String) {
      guard let found, found.key != key || found.number < number else { return }
      wrong.with { $0.append("\(how) of \(key), whose version is \(number): \(found.number) of \(found.key)") }
    }
  }

  @Test(arguments: EverythingTests.seeds)
  func nobodyReadsWhatWasBeforeAWrite(seed: Int) async throws {
    var random = Generator(state: UInt64(seed))
    func one<Choice>(of choices: [Choice]) -> Choice { choices[Int.random(in: choices.indices, using: &random)] }
    let keys = one(of: [2, 30, 400])
    let clock = ManualClock()
    var configuration = Cache.Configuration()
    configuration.clock = one(of: [nil, clock])
    configuration.expiry = one(of: [
      CacheExpiry(), CacheExpiry(afterWrite: .milliseconds(40)), CacheExpiry(afterAccess: .milliseconds(40)),
      CacheExpiry(afterWrite: .milliseconds(100), afterAccess: .milliseconds(30)),
    ])
    configuration.loading.batchSize = 7
    configuration.loading.timeout = .milliseconds(30)
    configuration.loading.refreshAfter = one(of: [nil, .milliseconds(10)])
    configuration.loading.staleWhileError = one(of: [nil, .milliseconds(200)])
    configuration.shards = one(of: [1, 4, nil])
    let box = Locked<Cache?>(nil)
    // Listeners may use the cache.
    if Bool.random(using: &random) {
      configuration.removalListener = { key, _, _ in if key % 5 == 0 { _ = box.current?.get(key) } }
    }
    let limit = one(of: [CacheLimit.entries(keys / 2 + 1), .entries(10_000), .bytes(keys * 60)])
    let cache = Cache(name: "together", limit: limit, configuration: configuration)
    box.with { $0 = cache }
    let source = Source(keys: keys)
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<6 {
        let state = UInt64.random(in: 0 ... .max, using: &random)
        group.addTask {
          var random = Generator(state: state)
          for _ in 0..<500 {
            let key = Int.random(in: 0..<keys, using: &random)
            // One task writes a key: its versions are published in their order.
            await Self.act(key, mayWrite: key % 6 == task, cache, source, clock, &random)
          }
        }
      }
    }
    #expect(source.complaints.isEmpty, "\(source.complaints.prefix(5))")
    for _ in 0..<6000 where cache.loader.isFlying { try await Task.sleep(for: .milliseconds(5)) }
    for key in 0..<keys { cache.unpin(key) }
    #expect(!cache.loader.isFlying && cache.weight <= cache.limit.amount)
    box.with { $0 = nil }
  }

  private static func act(
    _ key: Int, mayWrite: Bool, _ cache: Cache, _ source: Source, _ clock: ManualClock, _ random: inout Generator
  ) async {
    let number = source.published(key)
    let die = Int.random(in: 0..<40, using: &random)
    switch Int.random(in: 0..<26, using: &random) {
    case 0..<5: source.check(cache.get(key), key, since: number, "get")
    case 5: cache.withValue(for: key) { source.check($0, key, since: number, "withValue") }
    case 6..<12:
      let found = try? await cache.value(for: key) { try await source.load($0, die) }
      source.check(found, key, since: number, "value")
    case 12, 13:
      await actOnMany((0..<10).map { _ in Int.random(in: 0..<source.count, using: &random) }, die, cache, source)
    case 14: cache.refresh(key) { try await source.load($0, die) }
    case 15:
      let reader = Task { try await cache.value(for: key) { try await source.load($0, 1) } }
      await Task.yield()
      reader.cancel()
      source.check(try? await reader.value, key, since: number, "value, cancelled")
    case 16..<22 where mayWrite:
      let next = source.next(key)
      if die % 2 == 0 { cache.remove(key) } else { cache.set(Version(key, next), for: key) }
      source.publish(next, key)
    case 22: _ = die % 2 == 0 ? cache.pin(key) : cache.unpin(key)
    case 23:
      switch die {
      case 0: cache.removeAll()
      case 10, 11: cache.removeAll { other, _ in other % 3 == key % 3 }
      case 1..<5: cache.removeExpired()
      case 5: _ = cache.statistics
      case 6, 7:
        let amount = max(1, cache.limit.amount / 2)
        cache.resize(to: cache.limit.unit == .entries ? .entries(amount) : .bytes(amount))
      case 8, 9:
        let amount = min(cache.limit.amount * 2, 100_000)
        cache.resize(to: cache.limit.unit == .entries ? .entries(amount) : .bytes(amount))
      default: for key in 0..<source.count { cache.unpin(key) }
      }
    case 24: clock.advance(by: .milliseconds(die / 4))
    default: _ = (cache.contains(key), cache.age(of: key))
    }
  }

  private static func actOnMany(_ keys: [Int], _ die: Int, _ cache: Cache, _ source: Source) async {
    let numbers = keys.map(source.published)
    let found = try? await cache.values(for: keys) { keys in
      var all: [Int: Version] = [:]
      for key in keys { all[key] = try await source.load(key, die) }
      // And one that nobody asked for.
      let other = (keys[0] + 1) % source.count
      if all[other] == nil { all[other] = try await source.load(other, 39) }
      return all
    }
    for (key, number) in zip(keys, numbers) { source.check(found?[key], key, since: number, "values") }
  }
}
