import Synchronization

/// One call of a loader that is on its way, for one key or for a batch, and all who wait for it.
///
/// A load does not belong to anybody who waits: it runs in a task of its own, and is cancelled when nobody is left. Every waiter is resumed exactly once: by
/// the load's end, by its time limit, or by its own cancellation. What changes is guarded by the loader's lock.
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
  }

  /// No other load of the process has it.
  let number = FlightNumber.next()
  let keys: [Key]
  /// A refresh in the background goes on without anybody waiting.
  let isKept: Bool
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

  init(keys: [Key], isKept: Bool) {
    self.keys = keys
    self.isKept = isKept
  }

  /// Those who wait, who came first first: nobody is overtaken, and a task group takes a child out quickest that it began before the others.
  func takeWaiters() -> [Waiter] {
    defer { waiters = [:] }
    return waiters.keys.sorted().compactMap { waiters[$0] }
  }

  /// Nobody wants it any more.
  var isAbandoned: Bool { waiters.isEmpty && expected == 0 && !isKept && result == nil }

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
    }
  }
}

enum FlightNumber {
  private static let last = Atomic<UInt64>(0)
  static func next() -> UInt64 { last.add(1, ordering: .relaxed).newValue }
}
