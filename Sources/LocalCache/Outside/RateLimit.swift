import Synchronization

/// Lets something happen once in a while at most: sooner at first, when there is news, where that is wanted.
package final class RateLimit: Sendable {
  private let interval: UInt64
  private let pause: Atomic<UInt64>
  private let next: Atomic<UInt64>

  /// - Parameters:
  ///   - first: the first pause in seconds, if it is shorter; each is twice as long as the one before.
  ///   - isDueAtOnce: whether it may happen before the first pause is over.
  init(seconds: UInt64, first: UInt64? = nil, isDueAtOnce: Bool = true) {
    interval = seconds * 1_000_000_000
    pause = Atomic((first ?? seconds) * 1_000_000_000)
    next = Atomic(isDueAtOnce ? 0 : CacheTime.systemNanoseconds() &+ (first ?? seconds) * 1_000_000_000)
  }

  var isDue: Bool { CacheTime.systemNanoseconds() >= next.load(ordering: .relaxed) }

  /// Whether it may happen now; true once an interval.
  func begin() -> Bool {
    let now = CacheTime.systemNanoseconds()
    let due = next.load(ordering: .relaxed)
    guard now >= due else { return false }
    let pause = pause.load(ordering: .relaxed)
    guard next.compareExchange(expected: due, desired: now &+ pause, ordering: .relaxed).exchanged else { return false }
    self.pause.store(min(pause * 2, interval), ordering: .relaxed)
    return true
  }

  /// What began has taken until now: it happens again when five hundred times as long has gone by, if that is later than otherwise.
  package func ended(begunAt start: UInt64) {
    let now = CacheTime.systemNanoseconds()
    let (pause, isTooLong) = (now &- min(start, now)).multipliedReportingOverflow(by: 500)
    if !isTooLong { next.max(now &+ pause, ordering: .relaxed) }
  }
}
