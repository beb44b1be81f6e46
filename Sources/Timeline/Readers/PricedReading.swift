import ProcessImage

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
