import Glibc

/// A reading that is done again only when its last price has been spread thin enough: after `cost / share`.
///
/// So a process with 5,000 sockets is looked at every few seconds, one with ten each time, and the watcher's own use of the
/// processor stays below the share in both.
struct PricedReading: Sendable, Hashable {
  /// Part of one core that may be spent.
  let share: Double
  /// Monotonic nanoseconds from which it may run again.
  private(set) var due: UInt64 = 0
  /// Processor nanoseconds that the last one took.
  private(set) var cost: UInt64 = 0
  private static let longest: Double = 300e9

  init(share: Double) { self.share = max(share, 1e-6) }

  mutating func run(now: UInt64, _ body: () -> Void) {
    guard now >= due else { return }
    let start = Clocks.threadProcessor
    body()
    cost = Clocks.threadProcessor &- start
    due = now &+ UInt64(min(Double(cost) / share, Self.longest))
  }
}

/// The clocks that a timeline goes by, in nanoseconds (clock_gettime(2)).
public enum Clocks {
  /// Does not run while the machine sleeps.
  public static var monotonic: UInt64 { read(CLOCK_MONOTONIC) }
  /// Runs on while the machine sleeps.
  public static var boot: UInt64 { read(CLOCK_BOOTTIME) }
  /// Time of day; may be set.
  public static var wall: UInt64 { read(CLOCK_REALTIME) }
  /// Processor time of this thread.
  static var threadProcessor: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }
  /// Milliseconds since 1970.
  public static var milliseconds: Int64 { Int64(wall / 1_000_000) }
  static let ticksPerSecond = Double(max(sysconf(Int32(_SC_CLK_TCK)), 1))

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
}
