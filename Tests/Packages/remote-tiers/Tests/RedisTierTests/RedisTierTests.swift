import Foundation
import LocalCache
import LocalCacheRedis
import Testing

/// The calls of a tier, against a real server. Skipped, with this reason, where none is installed.
@Suite(.enabled(if: RedisServer.isInstalled, "redis-server is not installed"), .serialized, .timeLimit(.minutes(10)))
struct RedisTierTests {
  /// Neither printed nor dumped, nor as a part of something else.
  @Test func aConfigurationKeepsItsPassword() {
    var configuration = RedisConfiguration(port: 6380)
    configuration.user = "reader"
    configuration.password = "hunter2"
    var dumped = ""
    dump([configuration], to: &dumped)
    let printed = "\(configuration) \(String(reflecting: configuration)) \([configuration]) \(dumped)"
    #expect(printed.contains("127.0.0.1:6380") && printed.contains("reader") && !printed.contains("hunter2"))
  }

  @Test func callsDoWhatTheProtocolSays() async throws {
    let server = try await RedisServer()
    let tier = RedisTier(RedisConfiguration(port: server.port))
    let binary = (0...255).map { UInt8($0) } + Array("\r\n$5\r\n".utf8)
    let large = [UInt8](repeating: 7, count: 3_000_000)
    try await tier.set([
      RemoteEntry(name: "a", bytes: binary, lifetime: nil),
      RemoteEntry(name: "ü \r\n", bytes: [], lifetime: .seconds(60)),
      RemoteEntry(name: "large", bytes: large, lifetime: .seconds(60)),
    ])
    #expect(try await tier.get(["a", "none", "ü \r\n", "large"]) == [binary, nil, [], large])
    try await tier.delete(["a", "none"])
    #expect(try await tier.get(["a"]) == [nil])
    #expect(try await tier.get([]) == [])

    try await tier.set([RemoteEntry(name: "short", bytes: [1], lifetime: .milliseconds(30))])
    #expect(await eventually { (try? await tier.get(["short"])) == [nil] })
    // A key of another kind is no value.
    try server.ask("RPUSH list 1 2 3")
    #expect(try await tier.get(["list"]) == [nil])
  }

  @Test func leases() async throws {
    let server = try await RedisServer()
    let (first, second) = (
      RedisTier(RedisConfiguration(port: server.port)), RedisTier(RedisConfiguration(port: server.port))
    )
    #expect(try await first.takeLease(of: "a", token: "1", lifetime: .seconds(60)) == .taken(contents: nil))
    #expect(try await second.takeLease(of: "a", token: "2", lifetime: .seconds(60)) == .held)
    #expect(try await !second.fill(RemoteEntry(name: "a", bytes: [2], lifetime: nil), token: "2"))
    try await second.releaseLease(of: "a", token: "2")
    #expect(try await first.fill(RemoteEntry(name: "a", bytes: [1], lifetime: .seconds(60)), token: "1"))
    #expect(try await second.get(["a"]) == [[1]])
    #expect(try await !first.fill(RemoteEntry(name: "a", bytes: [3], lifetime: nil), token: "1"), "once is enough")

    // A write ends the lease of a load that began before.
    #expect(try await first.takeLease(of: "a", token: "4", lifetime: .seconds(60)) == .taken(contents: [1]))
    try await second.set([RemoteEntry(name: "a", bytes: [9], lifetime: nil)])
    #expect(try await !first.fill(RemoteEntry(name: "a", bytes: [4], lifetime: nil), token: "4"))
    #expect(try await first.get(["a"]) == [[9]])
    #expect(try await first.takeLease(of: "a", token: "5", lifetime: .milliseconds(20)) != .held)
    let isTaken = await eventually {
      (try? await second.takeLease(of: "a", token: "6", lifetime: .seconds(60))) == .taken(contents: [9])
    }
    #expect(isTaken)
    try await second.releaseLease(of: "a", token: "6")
    #expect(try await first.takeLease(of: "a", token: "7", lifetime: .seconds(60)) != .held)
  }

  /// Fills share transactions; each gets its own answer.
  @Test func manyFillsAtOnce() async throws {
    let server = try await RedisServer()
    let tier = RedisTier(RedisConfiguration(port: server.port))
    let filled = try await withThrowingTaskGroup(of: Int?.self) { group in
      for number in 0..<500 {
        group.addTask {
          let name = "n\(number)"
          // Each third has no lease.
          if number % 3 != 0 {
            let lease = try await tier.takeLease(of: name, token: "t", lifetime: .seconds(60))
            guard lease == .taken(contents: nil) else { return nil }
          }
          return try await tier.fill(RemoteEntry(name: name, bytes: [UInt8(number % 250)], lifetime: nil), token: "t")
            ? number : nil
        }
      }
      return try await group.reduce(into: Set<Int>()) { if let number = $1 { $0.insert(number) } }
    }
    #expect(filled == Set((0..<500).filter { $0 % 3 != 0 }))
    let contents = try await tier.get((0..<500).map { "n\($0)" })
    for (number, bytes) in contents.enumerated() { #expect(bytes == (number % 3 == 0 ? nil : [UInt8(number % 250)])) }
  }

  /// One connection, thousands of calls in flight; every answer finds its caller.
  /// All that wait to be stored share a transaction; a lease that somebody ends in the middle of it is no reason to drop the others.
  @Test func aLeaseThatEndsTakesNoOtherWithIt() async throws {
    let server = try await RedisServer()
    let tier = RedisTier(RedisConfiguration(port: server.port))
    let isDone = Locked(false)
    let port = server.port
    Thread.detachNewThread {
      guard let client = try? RawClient(port: port) else { return }
      while !isDone.current { _ = client.ask("SET ~lease:f0 other PX 10000") }
    }
    defer { isDone.with { $0 = true } }
    for round in 0..<20 {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for name in (1..<40).map({ "r\(round) \($0)" }) {
          #expect(try await tier.takeLease(of: name, token: "mine", lifetime: .seconds(20)) == .taken(contents: nil))
        }
        for name in (1..<40).map({ "r\(round) \($0)" }) + ["f0"] {
          group.addTask {
            let entry = RemoteEntry(name: name, bytes: [1], lifetime: .seconds(20))
            let isStored = try await tier.fill(entry, token: "mine")
            #expect(isStored == (name != "f0"), "\(name)")
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test func callsArePipelined() async throws {
    let server = try await RedisServer()
    var configuration = RedisConfiguration(port: server.port)
    configuration.maximumWaiting = 100_000
    let tier = RedisTier(configuration)
    try await tier.set((0..<1000).map { RemoteEntry(name: "\($0)", bytes: Array("\($0)".utf8), lifetime: nil) })
    let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
      for call in 0..<10_000 {
        group.addTask { try await tier.get(["\(call % 1000)"]) == [Array("\(call % 1000)".utf8)] }
      }
      return try await group.reduce(0) { $0 + ($1 ? 0 : 1) }
    }
    #expect(wrong == 0)
  }

  /// What could not be read again, and would take the connection with it, is not stored. What is stored beside it is.
  @Test func valuesLargerThanAnAnswerMayBeAreRefused() async throws {
    let server = try await RedisServer()
    var configuration = RedisConfiguration(port: server.port)
    configuration.maximumAnswer = 1 << 20
    let tier = RedisTier(configuration)
    func entry(_ name: String, _ count: Int) -> RemoteEntry {
      RemoteEntry(name: name, bytes: Array(repeating: 1, count: count), lifetime: nil)
    }
    await #expect(throws: RemoteTierError.self) { try await tier.set([entry("small", 10), entry("large", 2 << 20)]) }
    #expect(try await tier.takeLease(of: "large", token: "mine", lifetime: .seconds(20)) == .taken(contents: nil))
    await #expect(throws: RemoteTierError.self) { _ = try await tier.fill(entry("large", 2 << 20), token: "mine") }
    #expect(try await tier.get(["small", "large"]) == [Array(repeating: 1, count: 10), nil])
    try await tier.set([entry("largest", 1 << 20 - 1024)])
    #expect(try await tier.get(["largest"])[0]?.count == 1 << 20 - 1024)
    var settings = TieredConfiguration<Int, String>()
    settings.timeLimit = .seconds(20)
    let cache = Words(name: "sizes", limit: .entries(10), remote: tier, configuration: settings)
    #expect(await cache.set("small", for: 1))
    #expect(await !cache.set(String(repeating: "x", count: 2 << 20), for: 1))
    #expect(try server.ask("EXISTS sizes:1") == ":0", "nor does the old value stay")
    #expect(await cache.get(1)?.utf8.count == 2 << 20)
  }

  @Test func passwordsDatabasesAndSockets() async throws {
    let server = try await RedisServer(["--requirepass", "secret"])
    var configuration = RedisConfiguration(port: server.port)
    await #expect(throws: RemoteTierError.self) { _ = try await RedisTier(configuration).get(["a"]) }
    configuration.password = "secret"
    configuration.database = 3
    try await RedisTier(configuration).set([RemoteEntry(name: "a", bytes: [1], lifetime: nil)])
    configuration.address = .unix(path: server.socketPath)
    #expect(try await RedisTier(configuration).get(["a"]) == [[1]])
    configuration.database = 0
    #expect(try await RedisTier(configuration).get(["a"]) == [nil])
    configuration.password = "wrong"
    await #expect(throws: RemoteTierError.self) { _ = try await RedisTier(configuration).get(["a"]) }
  }

  @Test func threadsEndWithTheTier() async throws {
    let server = try await RedisServer()
    @Sendable func threads() -> Int {
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0
    }
    @Sendable func descriptors() -> Int {
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    }
    let cache = words(server.port)
    #expect(await eventually { cache.statistics.isInvalidated })
    let before = (threads(), descriptors())
    for _ in 0..<20 {
      let other = words(server.port)
      #expect(try await other.value(for: 1) { "\($0)" } != nil)
    }
    // Tests beside this one do not start threads by the dozen.
    #expect(await eventually { threads() < before.0 + 30 && descriptors() < before.1 + 60 })
  }
}
