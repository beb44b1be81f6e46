import Synchronization

/// Lets something happen once in a while at most.
final class RateLimit: Sendable {
  private let interval: UInt64
  private let last = Atomic<UInt64>(0)

  init(seconds: UInt64) { interval = seconds * 1_000_000_000 }

  /// Whether it may happen now; true once an interval.
  func begin() -> Bool {
    let now = CacheTime.systemNanoseconds()
    let before = last.load(ordering: .relaxed)
    guard before == 0 || now &- before >= interval else { return false }
    return last.compareExchange(expected: before, desired: max(now, 1), ordering: .relaxed)
      .exchanged
  }
}
