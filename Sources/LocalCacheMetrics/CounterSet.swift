#if Metrics
  import CoreMetrics
  import LocalCache
  import Synchronization

  /// Counters and gauges of one source, from its totals: counters of swift-metrics want what was added since the last time.
  final class CounterSet<Source: Sendable>: Sendable {
    /// A counter: its label, dimensions beside the cache's name, and its total.
    struct Total {
      let label: String
      var dimensions: [(String, String)] = []
      /// Whether the total is a number of whole things.
      var isWhole = true
      let value: @Sendable (Source) -> Double
    }

    /// A value that goes up and down.
    struct Level {
      let label: String
      let value: @Sendable (Source) -> Double
    }

    private enum Kind {
      case whole(Counter)
      case fractional(FloatingPointCounter)

      func increment(by amount: Double) {
        switch self {
        case .whole(let counter): counter.increment(by: Int64(exactly: amount.rounded()) ?? .max)
        case .fractional(let counter): counter.increment(by: amount)
        }
      }

      func destroy() {
        switch self {
        case .whole(let counter): counter.destroy()
        case .fractional(let counter): counter.destroy()
        }
      }
    }

    private struct Counting {
      let counter: Kind
      let identity: String
      let value: @Sendable (Source) -> Double
      var last = 0.0
    }

    private struct Showing {
      let gauge: Gauge
      let identity: String
      let value: @Sendable (Source) -> Double
    }

    private let counting: Mutex<[Counting]>
    private let levels: [Showing]
    private let uses: MetricUses

    init(cache: String, totals: [Total], levels: [Level], _ factory: any MetricsFactory, _ uses: MetricUses) {
      self.uses = uses
      counting = Mutex(
        totals.map { total in
          let dimensions = [("cache", cache)] + total.dimensions
          let identity = uses.begin(total.label, dimensions)
          let counter: Kind =
            total.isWhole
            ? .whole(Counter(label: total.label, dimensions: dimensions, factory: factory))
            : .fractional(FloatingPointCounter(label: total.label, dimensions: dimensions, factory: factory))
          return Counting(counter: counter, identity: identity, value: total.value)
        })
      self.levels = levels.map { level in
        let dimensions = [("cache", cache)]
        return Showing(
          gauge: Gauge(label: level.label, dimensions: dimensions, factory: factory),
          identity: uses.begin(level.label, dimensions), value: level.value)
      }
    }

    func report(_ source: Source) {
      counting.withLock { counting in
        for index in counting.indices {
          let total = counting[index].value(source)
          // At the first report even nothing is said, so that the metric is there.
          if total > counting[index].last || counting[index].last == 0 {
            counting[index].counter.increment(by: max(0, total - counting[index].last))
          }
          counting[index].last = max(counting[index].last, total)
        }
      }
      for level in levels { level.gauge.record(level.value(source)) }
    }

    func destroy() {
      counting.withLock { counting in
        for entry in counting where uses.end(entry.identity) { entry.counter.destroy() }
      }
      for level in levels where uses.end(level.identity) { level.gauge.destroy() }
    }
  }
#endif
