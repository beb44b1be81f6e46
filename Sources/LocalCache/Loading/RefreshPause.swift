/// How long a key waits whose refresh failed.
///
/// Values that are due are refreshed when they are used. Where the source is down that would be a load for each use, one after the other, just when the
/// source can do least with them.
struct RefreshPause {
  private let length: Duration
  private let begin: Duration
  private let end: Duration

  /// A sixteenth of the time after which values are refreshed, at least 10 ms and at most a second at first; then twice as long as before, until it is
  /// that time. Up to a fifth shorter at random, so that keys that failed together are not asked for together.
  ///
  /// - Parameter now: time of the cache's clock.
  init(from now: Duration, after refreshAfter: Duration, failedBefore: RefreshPause?) {
    let longest = max(refreshAfter.reckonable, .milliseconds(10))
    length = min(failedBefore.map { $0.length * 2 } ?? min(max(longest / 16, .milliseconds(10)), .seconds(1)), longest)
    begin = now
    end = now + length * Double.random(in: 0.8...1)
  }

  /// A clock that went back ends it.
  func isOn(at now: Duration) -> Bool { begin <= now && now < end }
}

extension CacheTime {
  /// Time of the cache's clock since the cache was made. Finer than ticks, which are seconds where lifetimes are years.
  var sinceStart: Duration {
    .nanoseconds(Int64(clamping: reading?() ?? Self.systemNanoseconds() &- start))
  }
}
