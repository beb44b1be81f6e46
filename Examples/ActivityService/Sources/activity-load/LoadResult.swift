import Glibc

/// Counts in buckets that are about 3 % wide, from a microsecond to an hour.
struct LatencyHistogram: Sendable {
  private var buckets = [Int](repeating: 0, count: 1_024)
  private(set) var count = 0
  private(set) var highest = 0.0

  mutating func add(_ seconds: Double) {
    let microseconds = max(1, seconds * 1e6)
    buckets[min(Int(log2(microseconds) * 24), buckets.count - 1)] += 1
    count += 1
    highest = max(highest, seconds)
  }

  /// Seconds below which that part of all answers came.
  func percentile(_ part: Double) -> Double {
    let wanted = Int((Double(count) * part).rounded(.up))
    var sum = 0
    for (index, bucket) in buckets.enumerated() {
      sum += bucket
      if sum >= wanted, sum > 0 { return min(exp2((Double(index) + 1) / 24) / 1e6, highest) }
    }
    return highest
  }
}

/// What came of a day.
struct LoadResult {
  var planned: Int
  var failed: Int
  var seconds: Double
  var latencies: LatencyHistogram

  var answered: Int { latencies.count }
  private var percentiles: [(name: String, seconds: Double)] {
    [
      ("p50", latencies.percentile(0.5)), ("p90", latencies.percentile(0.9)), ("p99", latencies.percentile(0.99)),
      ("p99.9", latencies.percentile(0.999)), ("max", latencies.highest),
    ]
  }

  var text: String {
    let latency = percentiles.map { "\($0.name) \(Self.rounded($0.seconds * 1e3)) ms" }.joined(separator: ", ")
    return
      "\(answered) of \(planned) requests answered in \(Self.rounded(seconds)) s, \(failed) failed; latency \(latency)"
  }

  var json: String {
    let latency = percentiles.map { "\"\($0.name)\":\($0.seconds)" }.joined(separator: ",")
    return
      "{\"planned\":\(planned),\"answered\":\(answered),\"failed\":\(failed),\"seconds\":\(seconds),\"latencySeconds\":{\(latency)}}"
  }

  private static func rounded(_ value: Double) -> Double { (value * 100).rounded() / 100 }
}
