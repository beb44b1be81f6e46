import Foundation
import LocalCache
import LocalCacheRedis
import Synchronization
import Testing

/// Servers that break off anywhere, dribble, or want the client's memory or processor.
@Suite(.enabled(if: RedisServer.isInstalled, "redis-server is not installed"), .serialized, .timeLimit(.minutes(10)))
struct HostileServerTests {
  /// Every call gives what is there or fails, and the next connection works, wherever in an answer the first one ends.
  @Test func answersThatBreakOffAtEveryByte() async throws {
    let server = try await RedisServer()
    let whole = RedisTier(RedisConfiguration(port: server.port))
    let values = (0..<10).map { [UInt8](repeating: UInt8($0), count: $0 * 3) + [13, 10, 0] }
    try await whole.set(values.enumerated().map { RemoteEntry(name: "k\($0)", bytes: $1, lifetime: nil) })
    for offset in 0..<80 {
      let proxy = try BreakingProxy(to: server.port, firstEndsAfter: offset)
      var configuration = RedisConfiguration(port: proxy.port)
      configuration.reconnectPause = .milliseconds(1)
      let tier = RedisTier(configuration)
      await withTaskGroup(of: Void.self) { group in
        for key in 0..<10 {
          group.addTask {
            guard let found = try? await tier.get(["k\(key)", "none", "k\((key + 1) % 10)"]) else { return }
            #expect(found == [values[key], nil, values[(key + 1) % 10]], "broken off at \(offset)")
          }
          group.addTask {
            let token = "token \(offset) \(key)"
            let entry = RemoteEntry(name: "l\(key)", bytes: [1], lifetime: .milliseconds(500))
            let lease = try? await tier.takeLease(of: entry.name, token: token, lifetime: .milliseconds(500))
            guard case .taken = lease else { return }
            _ = try? await tier.fill(entry, token: token)
          }
        }
      }
      #expect(await eventually { (try? await tier.get(["k9"])) == [values[9]] }, "broken off at \(offset)")
      #expect(await eventually { (try? await tier.set([RemoteEntry(name: "s", bytes: [], lifetime: nil)])) != nil })
    }
  }

  @Test func answersInPiecesOfOneByte() async throws {
    let server = try await RedisServer()
    let proxy = try BreakingProxy(to: server.port, firstEndsAfter: nil, inPieces: true)
    let cache = words(proxy.port)
    #expect(await eventually { cache.statistics.isInvalidated })
    for key in 0..<20 { #expect(await cache.set("value \(key)", for: key)) }
    cache.local.removeAll()
    for key in 0..<20 { #expect(await cache.get(key) == "value \(key)") }
    #expect(try await readAll(cache, 100..<120))
    #expect(cache.statistics.failedCalls == 0)
  }

  /// The thread of a connection that is being made ends with its tier, even where the server never says anything.
  @Test func threadsEndBesideASilentServer() async throws {
    let server = try FakeServer { connection in while !FakeServer.read(connection).isEmpty {} }
    @Sendable func threads() -> Int {
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0
    }
    let before = threads()
    for _ in 0..<20 {
      let cache = words(server.port)
      // The listener greets the server by now.
      try await Task.sleep(for: .milliseconds(20))
      #expect(cache.statistics.isInvalidated == false)
    }
    #expect(await eventually { threads() < before + 10 })
  }

  /// An answer without end, in small parts that each are nothing: it may not take more memory than `maximumAnswer` stands for.
  @Test(arguments: ["*2000000000\r\n", "*10000\r\n", "*10\r\n*10000\r\n*10000\r\n"])
  func answersWithoutEnd(_ beginning: String) async throws {
    let sent = Locked(0)
    let server = try FakeServer { connection in
      guard !FakeServer.read(connection).isEmpty else { return }
      guard FakeServer.write(connection, Array(beginning.utf8)) else { return }
      let parts = Array(String(repeating: ":1\r\n", count: 16_384).utf8)
      while FakeServer.write(connection, parts) { sent.with { $0 += parts.count } }
    }
    var configuration = RedisConfiguration(port: server.port)
    configuration.maximumAnswer = 1 << 20
    configuration.answerTimeout = .seconds(60)
    let tier = RedisTier(configuration)
    await #expect(throws: RemoteTierError.self) { _ = try await tier.get(["a"]) }
    #expect(sent.current < 32 << 20, "\(sent.current) bytes were taken")
  }

  /// The bound is for one answer, whatever came before it; contents may be anything.
  @Test func answersUpToTheBound() async throws {
    let server = try await RedisServer()
    var configuration = RedisConfiguration(port: server.port)
    configuration.maximumAnswer = 1 << 20
    let tier = RedisTier(configuration)
    let values = [Array(repeating: UInt8(ascii: "\n"), count: 500_000), Array("*9999999999\r\n$-7\r\n".utf8), []]
    try await tier.set(values.enumerated().map { RemoteEntry(name: "v\($0)", bytes: $1, lifetime: nil) })
    for _ in 0..<5 { #expect(try await tier.get(["v0", "v1", "v2", "v0", "none"]) == values + [values[0], nil]) }
    // Values that take that much are asked for in parts from then on.
    for _ in 0..<5 { #expect(try await tier.get(["v0", "v0", "v0"]) == [values[0], values[0], values[0]]) }
  }

  /// A batch of values that are large together, of which nothing is known, costs its connection once; the next ones are asked for in parts.
  @Test func batchesThatAreTooLarge() async throws {
    let server = try await RedisServer()
    var configuration = RedisConfiguration(port: server.port)
    configuration.maximumAnswer = 1 << 20
    configuration.reconnectPause = .milliseconds(1)
    let tier = RedisTier(configuration)
    let names = (0..<200).map { "v\($0)" }
    let value = [UInt8](repeating: 7, count: 50_000)
    try await tier.set(names.map { RemoteEntry(name: $0, bytes: value, lifetime: nil) })
    let failures = Locked(0)
    #expect(
      await eventually {
        let found = try? await tier.get(names)
        if found == nil { failures.with { $0 += 1 } }
        return found == names.map { _ in value }
      })
    // 200, 50 and 12; a connection that is not there yet may fail a call too.
    #expect(failures.current >= 2)
    for _ in 0..<20 { #expect(try await tier.get(names).count == 200) }
    // Small ones are asked for together again.
    try await tier.set(names.map { RemoteEntry(name: $0, bytes: [1], lifetime: nil) })
    for _ in 0..<20 { #expect(try await tier.get(names) == names.map { _ in [1] }) }
  }
}

/// A proxy whose first connection ends after so many bytes of the server's.
final class BreakingProxy: Sendable {
  private let server = Mutex<FakeServer?>(nil)
  private let isFirst = Mutex(true)
  var port: Int { server.withLock { $0?.port ?? 0 } }

  init(to port: Int, firstEndsAfter offset: Int?, inPieces: Bool = false) throws {
    let made = try FakeServer { [weak self] client in
      let isFirst = self?.isFirst.withLock { first in
        defer { first = false }
        return first
      }
      var left = isFirst == true ? offset ?? .max : .max
      FakeServer.forward(client, to: port) { bytes in
        let part = Array(bytes.prefix(left))
        left -= part.count
        let isSent = inPieces ? part.allSatisfy { FakeServer.write(client, [$0]) } : FakeServer.write(client, part)
        return isSent && left > 0
      }
    }
    server.withLock { $0 = made }
  }
}
