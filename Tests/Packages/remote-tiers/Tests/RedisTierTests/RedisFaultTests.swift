import Foundation
import LocalCache
import LocalCacheRedis
import Testing

/// Servers that are slow, full, gone, stopped or mad: no load is lost, no waiter hangs, and reads are not slowed for long.
@Suite(.enabled(if: RedisServer.isInstalled, "redis-server is not installed"), .serialized, .timeLimit(.minutes(10)))
struct RedisFaultTests {
  private func impatient(_ port: Int) -> Words {
    words(port) {
      $0.timeLimit = .milliseconds(50)
      $0.breaker.pause = .milliseconds(100)
    }
  }

  /// Reads that go on while the tier does not: after the breaker has opened they cost no time limit each.
  private func expectReadsGoOn(_ cache: Words) async throws {
    #expect(try await readAll(cache, 0..<50))
    // One after the other: with a time limit each it would be ten seconds.
    let begin = ContinuousClock.now
    for key in 1000..<1200 { #expect(try await cache.value(for: key) { "loaded \($0)" } == "loaded \(key)") }
    #expect(ContinuousClock.now - begin < .seconds(5))
    #expect(!cache.statistics.isRemoteUsed && cache.statistics.skippedCalls > 100)
  }

  private func expectFoundAgain(_ cache: Words, _ key: Int = 7000) async throws {
    #expect(
      await eventually {
        _ = await cache.get(-1)
        return cache.statistics.isRemoteUsed
      })
    #expect(await eventually { await cache.set("found", for: key) })
  }

  @Test func slow() async throws {
    let server = try await RedisServer()
    let proxy = try SlowProxy(to: server.port)
    let cache = impatient(proxy.port)
    try await expectFoundAgain(cache)
    proxy.delay.withLock { $0 = .milliseconds(400) }
    try await expectReadsGoOn(cache)
    #expect(cache.statistics.timedOutCalls >= 5)
    proxy.delay.withLock { $0 = .zero }
    try await expectFoundAgain(cache, 7001)
    // What was asked for late was not mixed up with what is asked for now.
    #expect(await cache.get(7001) == "found")
  }

  @Test func stoppedAndContinued() async throws {
    let server = try await RedisServer()
    let cache = impatient(server.port)
    try await expectFoundAgain(cache)
    server.signal(SIGSTOP)
    try await expectReadsGoOn(cache)
    server.signal(SIGCONT)
    try await expectFoundAgain(cache, 7001)
  }

  @Test func goneAndBack() async throws {
    let server = try await RedisServer()
    let cache = impatient(server.port)
    #expect(await eventually { cache.statistics.isInvalidated })
    #expect(await cache.set("before", for: 8000))
    server.stop()
    try await expectReadsGoOn(cache)
    #expect(await cache.get(8000) == "before", "what is kept locally is used while the tier is gone")
    let flushes = cache.statistics.flushes
    try await server.start()
    try await expectFoundAgain(cache)
    #expect(await eventually { cache.statistics.flushes > flushes && cache.statistics.isInvalidated })
    #expect(await cache.get(8000) == nil, "the server that came back has nothing")
  }

  /// Killed while thousands of calls are on their way: each load is done, each reader has its value.
  @Test func killedInTheMiddle() async throws {
    let server = try await RedisServer()
    let cache = words(server.port) { $0.breaker.pause = .milliseconds(50) }
    try await expectFoundAgain(cache)
    async let reads = readAll(cache, 0..<5000)
    try await Task.sleep(for: .milliseconds(20))
    server.stop()
    #expect(try await reads)
    try await server.start()
    try await expectFoundAgain(cache, 9000)
  }

  @Test func full() async throws {
    let server = try await RedisServer(["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"])
    let cache = words(server.port)
    #expect(await eventually { cache.statistics.isInvalidated })
    #expect(await cache.set("old", for: 1))
    // Until nothing goes in any more.
    let padding = String(repeating: "x", count: 100_000)
    var key = 100
    while key < 200, await cache.set(padding, for: key) { key += 1 }
    #expect(key < 200)
    // A value that has become too large: neither the new nor the old one stays behind there.
    #expect(await !cache.set(padding + padding, for: 1))
    #expect(try server.ask("EXISTS words:1") == ":0")
    #expect(try await readAll(cache, 2000..<2200))
    #expect(cache.statistics.refusedCalls > 0 && cache.statistics.isRemoteUsed, "a refusal is an answer")
    #expect(await cache.remove(100))
    #expect(try server.ask("EXISTS words:100") == ":0")
  }

  /// A full server has neither the value that one process keeps nor that of the other: of keys that it does not have it says nothing by itself.
  @Test func valuesThatAFullServerDoesNotHaveAreDroppedToo() async throws {
    let server = try await RedisServer(["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"])
    // It takes more than that for itself.
    let (first, second) = (words(server.port), words(server.port))
    #expect(await eventually { first.statistics.isInvalidated && second.statistics.isInvalidated })
    for key in 1...2 { #expect(try await first.value(for: key) { _ in "old" } == "old") }
    #expect(first.statistics.refusedCalls >= 2 && first.local.count == 2)
    #expect(await second.remove(1))
    #expect(await !second.set("new", for: 2))
    #expect(await eventually { first.local.count == 0 })
    #expect(first.statistics.invalidations == 2)
    #expect(await second.get(2) == "new", "who writes keeps what he has written")
    #expect(second.statistics.invalidations == 0)
  }

  @Test func refused() async throws {
    let cache = impatient(try Loopback.freePort())
    try await expectReadsGoOn(cache)
    #expect(cache.statistics.timedOutCalls <= 5, "a closed port says so at once")
  }

  @Test(arguments: [
    "HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\0", "$-5\r\n", "*3\r\n:1\r\n",
    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
    "+OK\r\n+OK\r\n+OK\r\n", ":99999999999999999999999\r\n", "$3\r\nabcdef", "-ERR no\r\n", "*-1\r\n",
    "*2147483648\r\n", "*100000000\r\n",
    "$1000000000000\r\n", "*1\r\n$7\r\ngarbage\r\n",
  ])
  func garbage(_ answer: String) async throws {
    let server = try FakeServer.saying(Array(answer.utf8))
    let cache = impatient(server.port)
    #expect(try await readAll(cache, 0..<50))
    #expect(await cache.get(100_000) == nil)
    await cache.set("new", for: 1)
    #expect(await cache.get(1) == "new")
    #expect(cache.statistics.remoteHits == 0)
  }

  /// Noise of every kind, and answers that are cut or run on.
  @Test func randomGarbage() async throws {
    let server = try FakeServer { connection in
      while !FakeServer.read(connection).isEmpty {
        let kinds = Array("+-:$*0123456789\r\n".utf8)
        let bytes = (0..<Int.random(in: 0...200)).map { _ in
          Bool.random() ? kinds.randomElement() ?? 0 : UInt8.random(in: 0...255)
        }
        guard FakeServer.write(connection, bytes) else { break }
        if Int.random(in: 0..<4) == 0 {
          shutdown(connection, Int32(SHUT_RDWR))
          break
        }
      }
    }
    let cache = words(server.port) {
      $0.timeLimit = .milliseconds(20)
      $0.breaker.failures = 1_000_000
    }
    for batch in 0..<10 { #expect(try await readAll(cache, batch * 20..<batch * 20 + 20)) }
    #expect(cache.statistics.remoteHits == 0)
  }

  /// A byte now and then keeps no thread busy for ever, and holds no reader.
  @Test func aDrip() async throws {
    let server = try FakeServer { connection in
      guard !FakeServer.read(connection).isEmpty else { return }
      for byte in Array("*1\r\n$1000000\r\n".utf8) + [UInt8](repeating: 1, count: 1000) {
        guard FakeServer.write(connection, [byte]) else { return }
        Thread.sleep(forTimeInterval: 0.02)
      }
    }
    try await expectReadsGoOn(impatient(server.port))
  }

  /// Somebody else's bytes under our names, and values of another version.
  @Test func foreignValues() async throws {
    let server = try await RedisServer()
    let cache = words(server.port)
    let next = words(server.port) { $0.values = .json(version: 2) }
    // A load that meets a message about its key is not stored: they are to have come before.
    #expect(await eventually { cache.statistics.isInvalidated })
    try server.ask("SET words:1 rubbish")
    try server.ask("RPUSH words:2 rubbish")
    #expect(await eventually { cache.statistics.invalidations == 2 })
    #expect(await cache.set("of version 1", for: 3))
    #expect(try await cache.value(for: 1) { "\($0)" } == "1")
    #expect(try await cache.value(for: 2) { "\($0)" } == "2")
    #expect(try await next.value(for: 3) { "new \($0)" } == "new 3")
    #expect(cache.statistics.garbage == 1 && next.statistics.otherVersions == 1 && next.statistics.garbage == 0)
    #expect(await eventually { cache.statistics.writes == 3 })
    let replaced = try await words(server.port).value(for: 1) { _ in "loaded again" }
    #expect(replaced == "1", "what was rubbish has been replaced")
  }
}
