#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Whether a value should be loaded again although it is still good.
///
/// XFetch of Vattani, Chierichetti, Lowenstein, Optimal Probabilistic Cache Stampede Prevention (VLDB 2015): each reader decides alone, with a chance
/// that grows towards the end and with the time that a load takes, so that processes need not know of each other.
enum EarlyRefresh {
  /// - Parameters:
  ///   - remaining: time until the value ends, in microseconds.
  ///   - load: time that a load takes, in microseconds.
  ///   - eagerness: the paper's beta; 1 is its optimum, 0 or less never refreshes early.
  ///   - random: between 0 (excluded) and 1.
  static func isDue(remaining: Double, load: Double, eagerness: Double, random: Double) -> Bool {
    guard eagerness > 0, load > 0 else { return false }
    // The logarithm of 2^-53, the smallest random number, is -37: most readers are done here.
    if remaining > load * eagerness * 37 { return false }
    return -load * eagerness * log(max(random, 0x1p-53)) >= remaining
  }
}

/// The clock that processes have in common.
enum WallClock {
  /// Milliseconds since 1970.
  static func milliseconds() -> Int64 {
    var time = timespec()
    #if os(Linux)
      clock_gettime(CLOCK_REALTIME_COARSE, &time)
    #else
      clock_gettime(CLOCK_REALTIME, &time)
    #endif
    return Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec) / 1_000_000
  }
}

extension Duration {
  /// What such clocks count; 0 for negative durations.
  var wholeMilliseconds: Int64 { Int64(clamping: nanoseconds / 1_000_000) }
}
