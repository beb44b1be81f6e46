import CLocalCache
import Synchronization

/// One call of a loader that is on its way, for one key or for a batch, and all who wait for it.
///
/// A load does not belong to anybody who waits: it runs in a task of its own, and is cancelled when nobody is left; only what a thread makes is made by who asked
/// first. Every waiter is resumed exactly once: by the load's end, by its time limit, or by its own cancellation. What changes is guarded by the loader's lock.
final class Flight<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
  /// What one who waits for a single key gets.
  enum Outcome: Sendable {
    case value(Value)
    /// The loader of a batch had nothing for the key: whoever wants it asks a loader of his own.
    case absent
  }

  enum Waiter {
    case one(Key, CheckedContinuation<Outcome, any Error>)
    case all(CheckedContinuation<[Key: Value], any Error>)
    case thread(WaitingThread<Result<[Key: Value], any Error>>)
  }

  enum Kind {
    /// For those who wait.
    case wanted
    /// A refresh in the background, which goes on without anybody waiting.
    case refresh
    /// What a thread makes that asked without `await`: see `Loader.making`.
    case making
  }

  /// No other load of the process has it.
  let number = FlightNumber.next()
  let keys: [Key]
  let kind: Kind
  /// The generation of the process in which it began: what a thread was making when the process was forked nobody makes in the child.
  let generation = localcache_generation()
  var waiters: [UInt64: Waiter] = [:]
  /// Those who have been given the flight and are about to be among the waiters.
  var expected = 0
  var task: Task<Void, Never>?
  /// When the load began, and what is to be done if its time is over.
  var begin = ContinuousClock.now
  var tookTooLong: (@Sendable () -> Void)?
  /// The flight that began next; see `FlightQueue`.
  var next: Flight?
  var place = Place.outside
  /// Set when it is over.
  var result: Result<[Key: Value], any Error>?

  init(keys: [Key], kind: Kind) {
    self.keys = keys
    self.kind = kind
  }

  /// Those who wait, who came first first: nobody is overtaken, and a task group takes a child out quickest that it began before the others.
  func takeWaiters() -> [Waiter] {
    defer { waiters = [:] }
    return waiters.keys.sorted().compactMap { waiters[$0] }
  }

  /// Nobody wants it any more.
  var isAbandoned: Bool { kind == .wanted && waiters.isEmpty && expected == 0 && result == nil }

  /// For messages.
  var description: String {
    guard let first = keys.first else { return "nothing" }
    return keys.count == 1 ? "\(first)" : "\(first) and \(keys.count - 1) more"
  }
}

extension Flight.Waiter {
  func resume(with result: Result<[Key: Value], any Error>) {
    switch self {
    case .one(let key, let continuation):
      continuation.resume(with: result.map { values in values[key].map { .value($0) } ?? .absent })
    case .all(let continuation): continuation.resume(with: result)
    case .thread(let thread): thread.goOn(with: result)
    }
  }
}

enum FlightNumber {
  private static let last = Atomic<UInt64>(0)
  static func next() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
}
