import Foundation
import Synchronization
import Testing

@testable import LocalCache

/// A clock that stands still until a test moves it.
final class ManualClock: Clock {
  struct Instant: InstantProtocol {
    var offset: Duration
    func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
    func duration(to other: Instant) -> Duration { other.offset - offset }
    static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
  }

  private let current = Mutex(Instant(offset: .zero))
  var now: Instant { current.withLock { $0 } }
  var minimumResolution: Duration { .nanoseconds(1) }
  /// Sleepers are never woken: tests call `removeExpired` instead.
  func sleep(until deadline: Instant, tolerance: Duration?) async throws { try await Task.sleep(for: .seconds(3600)) }
  func advance(by duration: Duration) { current.withLock { $0 = $0.advanced(by: duration) } }
}

/// Reproducible numbers.
struct Generator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

/// Something shared by closures of a test.
final class Locked<Value: Sendable>: Sendable {
  // Not a Mutex, whose waiting the thread sanitizer does not see.
  private let value: Guarded<Value>
  init(_ value: Value) { self.value = Guarded(value) }
  func with<Result: Sendable>(_ body: (inout Value) -> Result) -> Result { value.withLock { body(&$0) } }
  var current: Value { with { $0 } }
}

extension Locked where Value == Bool {
  /// What it says; false from then on.
  func take() -> Bool {
    with { value in
      defer { value = false }
      return value
    }
  }
}

/// Runs something that blocks in a thread of its own: Swift's threads are few, and other tests wait for them.
func offThePool<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
  }
}

/// Waits for something that other tasks bring about; some seconds at most, after which the test has failed.
func until(_ condition: () -> Bool, _ location: SourceLocation = #_sourceLocation) async {
  for _ in 0..<10_000 {
    if condition() { return }
    try? await Task.sleep(for: .milliseconds(1))
  }
  #expect(condition(), sourceLocation: location)
}

/// A cache for loads, with other settings of them.
func loadingCache(
  _ name: String = "loading", _ change: (inout CacheLoading) -> Void = { _ in }
) -> LocalCache<Int, Int> {
  var configuration = LocalCache<Int, Int>.Configuration()
  change(&configuration.loading)
  return LocalCache(name: name, limit: .entries(10_000), configuration: configuration)
}

/// Drives a policy alone, as a simulator does, over keys of these hashes. Calls the one closure before each access with its index, the other after each
/// insertion with the number of keys that are in.
func drive(
  _ policy: inout EvictionPolicy, _ keys: [UInt32], hash: (UInt32) -> UInt32,
  beforeAccess: (inout EvictionPolicy, Int) -> Void = { _, _ in },
  afterInsertion: (borrowing EvictionPolicy, Int) -> Void = { _, _ in }
) {
  var ids: [UInt32: UInt32] = [:]
  var owners: [UInt32: UInt32] = [:]
  for (index, key) in keys.enumerated() {
    beforeAccess(&policy, index)
    if let id = ids[key] {
      policy.recordHit(id)
      continue
    }
    policy.recordMiss()
    while let victim = policy.nextVictim(for: 1) {
      policy.remove(victim)
      if let owner = owners.removeValue(forKey: victim) { ids[owner] = nil }
    }
    let id = policy.insert(hash: hash(key), weight: 1)
    ids[key] = id
    owners[id] = key
    afterInsertion(policy, ids.count)
  }
}
