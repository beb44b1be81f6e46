import Foundation
import LocalCache
import LocalCacheRedis
import Synchronization

typealias Words = TieredCache<Int, String>

/// A process of its own, as far as the server can see: other connections, another local tier.
func words(
  _ port: Int, name: String = "words", _ change: (inout TieredConfiguration<Int, String>) -> Void = { _ in }
) -> Words {
  var configuration = TieredConfiguration<Int, String>()
  // Generous: a machine that runs tests is busy.
  configuration.timeLimit = .seconds(2)
  change(&configuration)
  var redis = RedisConfiguration(port: port)
  redis.reconnectPause = .milliseconds(10)
  return Words(name: name, limit: .entries(10_000), remote: RedisTier(redis), configuration: configuration)
}

final class Locked<Value: Sendable>: Sendable {
  private let value: Mutex<Value>
  init(_ value: Value) { self.value = Mutex(value) }
  func with<Result: Sendable>(_ body: (inout Value) -> Result) -> Result { value.withLock { body(&$0) } }
  var current: Value { with { $0 } }
}

/// Waits until something holds; bounded.
func eventually(_ condition: @Sendable () async throws -> Bool) async rethrows -> Bool {
  for _ in 0..<1500 {
    if try await condition() { return true }
    try? await Task.sleep(for: .milliseconds(10))
  }
  return false
}

/// Many reads of different keys at once; all must give what their load gives.
func readAll(_ cache: Words, _ keys: Range<Int>) async throws -> Bool {
  try await withThrowingTaskGroup(of: Bool.self) { group in
    for key in keys {
      group.addTask { try await cache.value(for: key) { "loaded \($0)" } == "loaded \(key)" }
    }
    return try await group.allSatisfy { $0 }
  }
}
