import Foundation
import LocalCache
import LocalCacheRedis
import Testing

/// Two processes, as the server sees it, and somebody else who changes things.
@Suite(.enabled(if: RedisServer.isInstalled, "redis-server is not installed"), .serialized, .timeLimit(.minutes(10)))
struct InvalidationTests {
  private func pair(_ server: RedisServer) async -> (Words, Words) {
    let pair = (words(server.port), words(server.port))
    #expect(await eventually { pair.0.statistics.isInvalidated && pair.1.statistics.isInvalidated })
    return pair
  }

  @Test func aChangeReachesTheOtherProcessAndNotOneself() async throws {
    let server = try await RedisServer()
    let (first, second) = await pair(server)
    for number in 0..<50 {
      #expect(await first.set("\(number)", for: 1))
      #expect(await eventually { await second.get(1) == "\(number)" })
    }
    #expect(await first.get(1) == "49")
    #expect(first.statistics.invalidations == 0)
    await first.remove(1)
    #expect(await eventually { await second.get(1) == nil })
  }

  /// What a process loads and stores is not dropped by the echo of its own write.
  @Test func ownLoadsStay() async throws {
    let server = try await RedisServer()
    let (first, second) = await pair(server)
    #expect(try await readAll(first, 0..<200))
    #expect(await eventually { first.statistics.writes == 200 })
    // A change of another key comes after all messages of the writes.
    await second.set("marker", for: 1000)
    #expect(await eventually { first.statistics.invalidations >= 1 })
    #expect(first.statistics.invalidations == 1 && first.local.count == 200)
    #expect(try await readAll(second, 0..<200))
    #expect(second.statistics.loads == 0 && second.statistics.remoteHits == 200)
  }

  @Test func othersProgramsExpiryAndFlushReachAll() async throws {
    let server = try await RedisServer()
    let (first, second) = await pair(server)
    await first.set("one", for: 1)
    await first.set("two", for: 2)
    #expect(await eventually { await second.get(1) == "one" })
    #expect(await eventually { await second.get(2) == "two" })
    try server.ask("DEL words:1")
    #expect(await eventually { await first.get(1) == nil })
    #expect(await eventually { await second.get(1) == nil })
    try server.ask("PEXPIRE words:2 1")
    try server.ask("GET words:2")
    #expect(await eventually { await second.get(2) == nil })
    await first.set("three", for: 3)
    #expect(await second.get(3) == "three")
    try server.ask("FLUSHALL")
    #expect(await eventually { first.local.count == 0 && second.local.count == 0 })
  }

  /// While no messages come something changes; when they come again, nothing that is older is kept.
  @Test(arguments: ["normal", "pubsub"])
  func connectionsThatBreakEmptyTheLocalTier(_ kind: String) async throws {
    let server = try await RedisServer()
    let (first, second) = await pair(server)
    await first.set("old", for: 1)
    #expect(await eventually { await second.get(1) == "old" })
    let flushes = second.statistics.flushes
    // Not SKIPME: all connections of this kind go, and the value changes in the same breath.
    let client = try RawClient(port: server.port)
    _ = client.ask("EVAL \"redis.call('CLIENT','KILL','TYPE','\(kind)') redis.call('DEL','words:1') return 1\" 0")
    _ = client.ask("CLIENT KILL TYPE \(kind)")
    try server.ask("DEL words:1")
    #expect(await eventually { second.statistics.flushes > flushes && second.statistics.isInvalidated })
    #expect(await eventually { await second.get(1) == nil })
    // And they work again.
    #expect(await eventually { first.statistics.isInvalidated })
    await first.set("new", for: 1)
    #expect(await eventually { await second.get(1) == "new" })
    await first.set("newer", for: 1)
    #expect(await eventually { await second.get(1) == "newer" })
  }

  /// A server that runs a script refuses everything for a while, the wish for messages too.
  @Test func messagesThatWereRefusedAreAskedForAgain() async throws {
    let server = try await RedisServer(["--lua-time-limit", "50"])
    let tier = RedisTier(RedisConfiguration(port: server.port))
    let first = Words(name: "first", limit: .entries(10), remote: tier)
    #expect(await eventually { first.statistics.isInvalidated })
    let port = server.port
    Thread.detachNewThread {
      let script = "\"local t = redis.call('TIME')[1] while redis.call('TIME')[1] - t < 2 do end\""
      _ = (try? RawClient(port: port))?.ask("EVAL \(script) 0")
    }
    #expect(try await eventually { try server.ask("PING").hasPrefix("-BUSY") })
    let second = Words(name: "second", limit: .entries(10), remote: tier)
    try await Task.sleep(for: .milliseconds(200))
    #expect(!second.statistics.isInvalidated)
    #expect(
      await eventually {
        _ = await second.set("value", for: 1)
        return second.statistics.isInvalidated && first.statistics.isInvalidated
      })
  }

  /// An access list that knows of the server's own messages only.
  @Test func messagesComeWhereTheOtherChannelIsForbidden() async throws {
    let server = try await RedisServer()
    let acl = "ACL SETUSER limited on >secret ~* +@all resetchannels &__redis__:invalidate"
    #expect(try server.ask(acl) == "+OK")
    var configuration = RedisConfiguration(port: server.port)
    (configuration.user, configuration.password) = ("limited", "secret")
    let caches = (0..<2).map { _ in
      Words(name: "limited", limit: .entries(10), remote: RedisTier(configuration))
    }
    for cache in caches { #expect(await eventually { cache.statistics.isInvalidated }) }
    #expect(await eventually { await caches[0].set("old", for: 1) })
    #expect(await eventually { await caches[1].get(1) == "old" })
    #expect(await eventually { await caches[0].remove(1) })
    #expect(await eventually { await caches[1].get(1) == nil })
  }

  @Test func cachesOfOneTierHaveTheirOwnMessages() async throws {
    let server = try await RedisServer()
    let redis = RedisTier(RedisConfiguration(port: server.port))
    let left = Words(name: "left", limit: .entries(10), remote: redis)
    let right = Words(name: "right", limit: .entries(10), remote: redis)
    let twin = Words(name: "left", limit: .entries(10), remote: redis)
    for cache in [left, right, twin] { #expect(await eventually { cache.statistics.isInvalidated }) }
    await left.set("l", for: 1)
    await right.set("r", for: 1)
    #expect(await left.get(1) == "l")
    #expect(await right.get(1) == "r")
    try server.ask("DEL left:1")
    #expect(await eventually { await left.get(1) == nil })
    #expect(await right.get(1) == "r")
    #expect(right.statistics.invalidations == 0)
  }

  /// Six processes of the system, five keys: five loads.
  @Test func realProcessesLoadEachKeyOnce() async throws {
    let server = try await RedisServer()
    let runs = try (0..<6).map { _ in try Worker("\(server.port)", "5") }
    let lines = runs.flatMap { $0.lines() }
    #expect(lines.filter { $0.hasPrefix("loaded") }.sorted() == (0..<5).map { "loaded \($0)" })
    #expect(lines.filter { $0.hasPrefix("got value") }.count == 30)
  }

  /// A tier that gets no pipe, or no thread, when it is made gets it later.
  @Test(arguments: ["nothing-to-open", "no-threads"])
  func aTierThatIsMadeInAShortageComesToItself(shortage: String) async throws {
    let server = try await RedisServer()
    let lines = try Worker("\(server.port)", "5", shortage).lines()
    #expect(lines.filter { $0.hasPrefix("got value") }.count == 5)
    #expect(lines.last == "stored 5")
  }
}

/// A process of `tier-worker`.
private struct Worker {
  private let process = Process()
  private let output = Pipe()

  init(_ arguments: String...) throws {
    let worker = Bundle.main.executableURL?.deletingLastPathComponent().appending(path: "tier-worker")
    process.executableURL = try #require(
      worker.flatMap { FileManager.default.isExecutableFile(atPath: $0.path) ? $0 : nil })
    process.arguments = arguments
    process.standardOutput = output
    try process.runByItself()
  }

  /// What it prints until its end, which is to be a good one.
  func lines() -> [String] {
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map { String($0) }
  }
}
