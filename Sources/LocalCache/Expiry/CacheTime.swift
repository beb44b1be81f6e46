import CLocalCache
import Synchronization

/// The cache's view of a clock: ticks since the cache was made.
///
/// The system's clock is read in its coarse form (on Linux some nanoseconds a reading, 1 to 4 ms fine), because a look-up itself takes only
/// some twenty. A class, because copies of closures are counted. Any other `Clock` is asked as it is.
@usableFromInline
final class CacheTime: Sendable {
  /// A tick is 2^shift nanoseconds: about 1 ms, or more where lifetimes of weeks are set.
  @usableFromInline let shift: UInt64
  @usableFromInline let start: UInt64
  /// Ticks of a second, and some more for the steps in which the clock goes on.
  @usableFromInline let ticksOfSecond: UInt64
  @usableFromInline let reading: (@Sendable () -> UInt64)?
  private let sleeping: @Sendable (Duration) async throws -> Void

  /// The last reading of the system's clock and a second more: 40 bits of ticks under the second of the wall clock at which it was made. See `latest`.
  @usableFromInline let lastReading = Atomic<UInt64>(0)

  /// Deadlines are 32-bit numbers of ticks; `never` stands for none.
  @usableFromInline static let never: UInt32 = .max

  init(clock: (any Clock<Duration>)?, longestLifetime: Duration) {
    var shift: UInt64 = 20
    let longest = longestLifetime.nanoseconds
    while longest >> shift > UInt64(UInt32.max) / 4, shift < 40 { shift += 1 }
    self.shift = shift
    ticksOfSecond = 1_100_000_000 >> shift + 2
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
  @usableFromInline
  var now: UInt64 {
    if let reading { return reading() &>> shift }
    let second = Self.wallSecond()
    let now = (localcache_nanoseconds() &- start) &>> shift
    lastReading.store(second &<< 40 | (now &+ ticksOfSecond) & (1 &<< 40 &- 1), ordering: .relaxed)
    return now
  }

  /// The same for who writes. Readers alone note it for `latest`: they need it, once a second, and writers would take the line from them each time.
  @usableFromInline
  var ofWriting: UInt64 {
    if let reading { return reading() &>> shift }
    return (localcache_nanoseconds() &- start) &>> shift
  }

  /// 23 bits of the wall clock's second and a bit that is set.
  @inlinable @inline(__always)
  static func wallSecond() -> UInt64 { localcache_wall_second() &<< 1 | 1 }

  /// Ticks that are not yet over, a second ahead at most; nil if that is not known without reading the clock.
  ///
  /// As long as the second of the wall clock is that of the last reading, no more than a second has gone by since. Reading the second costs an
  /// eighth of reading the clock, and most entries have longer to live than another second. A wall clock that is set back to the very second of
  /// the last reading, on a cache that nobody has used meanwhile, lengthens lifetimes by as much, once.
  @inlinable @inline(__always)
  var latest: UInt64? {
    // The second first: what is loaded before a call has to be kept over it.
    let second = Self.wallSecond()
    let last = lastReading.load(ordering: .relaxed)
    guard last &>> 40 == second & 0xFF_FFFF else { return nil }
    return last & (1 &<< 40 &- 1)
  }

  /// At least one tick, at most a quarter of what 32 bits hold (13 days of the finest ticks).
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

  /// Nothing for negative durations, a hundred years at most: settings may be anything, and this can be added to an instant and multiplied.
  package var reckonable: Duration { Swift.min(Swift.max(self, .zero), .seconds(100 * 366 * 86_400)) }

  var secondsAsDouble: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
