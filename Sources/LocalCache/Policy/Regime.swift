/// A way to decide who stays. No one way is best for all traffic, so the policy changes between these as its models advise (`ShadowCaches`).
package enum Regime: Sendable, Equatable {
  /// W-TinyLFU: newcomers pass a window of this share of the cache in order of recency; what falls out of it has to be more popular than the
  /// victim of the main part, a segmented LRU (Einziger, Friedman, Manes, ACM TOS 2017). A window of 1 is LRU.
  case window(Double)
  /// S3-FIFO: a small first-in-first-out queue that lets go what was not hit, a main queue in which hits give another round, and ghosts that
  /// lead straight into it (Yang, Zhang, Qiu, Yue, Rashmi, SOSP 2023).
  case queues
  /// SIEVE: a queue that is never reordered, and a hand that spares what was hit (Zhang, Yang, Yue, Vigfusson, Rashmi, NSDI 2024).
  case sieve

  /// Share of the small queue.
  static let queueShare = 0.1
  /// Rounds that hits may earn an entry of the main queue.
  static let greatestRounds: UInt32 = 3

  /// Whether lists are in the order in which entries came in: a hit only spares them.
  var isByInsertion: Bool {
    switch self {
    case .window: false
    case .queues, .sieve: true
    }
  }

  /// Share of the cache that new entries may fill.
  package var windowShare: Double {
    switch self {
    case .window(let share): min(max(share, 0), 1)
    case .queues: Self.queueShare
    case .sieve: 1
    }
  }
}
