#if Metrics
  import Synchronization

  /// How many sources report a metric. Factories give the same object to all who ask for the same label and dimensions, so it ends with the last of them: a
  /// cache that takes the place of one with its name would have metrics that nobody sees.
  final class MetricUses: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// One more. Returns what to say at the end.
    func begin(_ label: String, _ dimensions: [(String, String)]) -> String {
      let identity = ([label] + dimensions.flatMap { [$0, $1] }).joined(separator: "\u{0}")
      counts.withLock { $0[identity, default: 0] += 1 }
      return identity
    }

    /// Whether it was the last.
    func end(_ identity: String) -> Bool {
      counts.withLock { counts in
        let left = (counts[identity] ?? 1) - 1
        counts[identity] = left > 0 ? left : nil
        return left <= 0
      }
    }
  }
#endif
