import Synchronization

/// Lets something happen once in a while at most.
final class RateLimit: Sendable {
  private let interval: UInt64
  private let next = Atomic<UInt64>(0)

  init(seconds: UInt64) { interval = seconds * 1_000_000_000 }

  /// Whether it may happen now; true once an interval.
  func begin() -> Bool {
    let now = CacheTime.systemNanoseconds()
    let due = next.load(ordering: .relaxed)
    guard now >= due else { return false }
    return next.compareExchange(expected: due, desired: now &+ interval, ordering: .relaxed).exchanged
  }

  /// What began has taken until now: it happens again when five hundred times as long has gone by, if that is longer than the interval.
  func ended(begunAt start: UInt64) {
    let now = CacheTime.systemNanoseconds()
    let (pause, isTooLong) = (now &- min(start, now)).multipliedReportingOverflow(by: 500)
    if !isTooLong { next.max(now &+ pause, ordering: .relaxed) }
  }
}
