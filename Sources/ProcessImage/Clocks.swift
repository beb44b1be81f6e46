import Glibc

/// The kernel's clocks in nanoseconds (clock_gettime(2)), and waiting by them.
public enum Clocks {
  /// Does not run while the machine sleeps. Pauses are measured with it, and deadlines are on it.
  public static var monotonic: UInt64 { read(CLOCK_MONOTONIC) }
  /// Runs on while the machine sleeps.
  public static var boot: UInt64 { read(CLOCK_BOOTTIME) }
  /// Time of day; may be set.
  public static var wall: UInt64 { read(CLOCK_REALTIME) }
  /// Processor time of this thread.
  package static var threadProcessor: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }
  /// Milliseconds since 1970.
  public static var milliseconds: Int64 { Int64(wall / 1_000_000) }
  /// Of processor time in `/proc/PID/stat`.
  public static let ticksPerSecond = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(max(time.tv_sec, 0)) &* 1_000_000_000 &+ UInt64(max(time.tv_nsec, 0))
  }

  /// Sleeps for this many nanoseconds; a signal does not shorten it.
  public static func sleep(_ nanoseconds: UInt64) {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    var rest = timespec()
    while nanosleep(&time, &rest) != 0 && errno == EINTR { time = rest }
  }

  /// Calls `done` every `interval` nanoseconds until it answers true or `limit` nanoseconds are over; returns its last answer.
  static func poll(for limit: UInt64, interval: UInt64 = 100_000, until done: () -> Bool) -> Bool {
    let deadline = monotonic &+ limit
    while true {
      if done() { return true }
      if monotonic >= deadline { return false }
      sleep(interval)
    }
  }
}
