import CLocalCache

/// The cache's view of a clock: ticks since the cache was made.
///
/// The system's clock is read in its coarse form (on Linux some nanoseconds a reading, 1 to 4 ms fine), because a look-up itself takes only
/// some twenty. A class, because copies of closures are counted. Any other `Clock` is asked as it is.
@usableFromInline
final class CacheTime: Sendable {
  /// A tick is 2^shift nanoseconds: about 1 ms, or more where lifetimes of weeks are set.
  @usableFromInline let shift: UInt64
  @usableFromInline let start: UInt64
  @usableFromInline let reading: (@Sendable () -> UInt64)?
  private let sleeping: @Sendable (Duration) async throws -> Void

  /// Deadlines are 32-bit numbers of ticks; `never` stands for none.
  @usableFromInline static let never: UInt32 = .max

  init(clock: (any Clock<Duration>)?, longestLifetime: Duration) {
    var shift: UInt64 = 20
    let longest = longestLifetime.nanoseconds
    while longest >> shift > UInt64(UInt32.max) / 4, shift < 40 { shift += 1 }
    self.shift = shift
    if let clock {
      (reading, sleeping) = Self.wrap(clock)
      start = 0
    } else {
      reading = nil
      sleeping = { try await Task.sleep(for: $0) }
      start = Self.systemNanoseconds()
    }
  }

  private static func wrap<C: Clock<Duration>>(
    _ clock: C
  ) -> (@Sendable () -> UInt64, @Sendable (Duration) async throws -> Void) {
    let origin = clock.now
    return ({ origin.duration(to: clock.now).nanoseconds }, { try await clock.sleep(for: $0) })
  }

  static func systemNanoseconds() -> UInt64 { localcache_nanoseconds() }

  /// Ticks since the cache was made; a clock that went back before that counts as 0.
  @inlinable @inline(__always)
  var now: UInt64 {
    reading == nil ? (localcache_nanoseconds() &- start) &>> shift : readOther()
  }

  @usableFromInline @inline(never)
  func readOther() -> UInt64 { (reading?() ?? 0) &>> shift }

  /// At least one tick, at most a quarter of what 32 bits hold (12 days of the finest ticks).
  @usableFromInline
  func ticks(_ duration: Duration) -> UInt32 {
    let ticks = (duration.nanoseconds + (1 << shift) - 1) >> shift
    return UInt32(min(max(ticks, 1), UInt64(UInt32.max) / 4))
  }

  func duration(ticks: UInt64) -> Duration { .nanoseconds(Int64(clamping: ticks << shift)) }

  func sleep(for duration: Duration) async throws { try await sleeping(duration) }
}

extension Duration {
  /// 0 for negative durations, at most some 292 years.
  @usableFromInline
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let limit = Int64.max / 1_000_000_000 - 1
    return UInt64(min(seconds, limit)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }

  var secondsAsDouble: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
