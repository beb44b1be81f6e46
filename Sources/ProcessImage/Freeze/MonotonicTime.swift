import Glibc

/// `CLOCK_MONOTONIC` in nanoseconds: the pause is measured with it, and every wait has a deadline on it.
enum MonotonicTime {
  static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }

  static func sleep(nanoseconds: UInt64) {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    // Interrupted by a signal: sleep the rest.
    var rest = timespec()
    while nanosleep(&time, &rest) != 0 && errno == EINTR { time = rest }
  }

  /// Calls `done` every `interval` nanoseconds until it answers true or the time is up; returns its last answer.
  static func poll(
    for limit: UInt64, interval: UInt64 = 100_000, until done: () -> Bool
  ) -> Bool {
    let deadline = now &+ limit
    while true {
      if done() { return true }
      if now >= deadline { return false }
      sleep(nanoseconds: interval)
    }
  }
}
