import Measurement
import Timeline

/// What `memwhy watch` prints of a sample beside its time.
enum WatchColumn: CaseIterable {
  case resident, change, group, limit, processor, threads, descriptors, connections, load

  /// Leaves out what says least of memory until a line fits: one that is wrapped is no table.
  ///
  /// - Parameter width: of the terminal, in columns.
  static func fitting(_ width: Int, hasLoad: Bool) -> [WatchColumn] {
    var columns = allCases.filter { hasLoad || $0 != .load }
    for least in [WatchColumn.connections, .descriptors, .threads, .limit, .load, .processor, .group] {
      // The time of day takes eight.
      if columns.reduce(8, { $0 + $1.width }) <= width { break }
      columns.removeAll { $0 == least }
    }
    return columns
  }

  var title: String {
    switch self {
    case .resident: "RSS"
    case .change: "CHANGE"
    case .group: "GROUP"
    case .limit: "LIMIT"
    case .processor: "CPU"
    case .threads: "THREADS"
    case .descriptors: "FDS"
    case .connections: "TCP"
    case .load: "LOAD"
    }
  }

  /// With the space in front.
  var width: Int {
    switch self {
    case .resident, .change, .group, .limit, .load: 11
    case .processor: 6
    case .threads: 8
    case .descriptors, .connections: 7
    }
  }

  func text(_ sample: Sample, _ previous: Sample?) -> String {
    switch self {
    case .resident: bytes(sample[.rss])
    case .change: change(sample[.rss], previous?[.rss])
    case .group: bytes(sample[.groupUsage])
    case .limit: bytes(sample[.groupLimit])
    case .processor: rate(.cpu, sample, previous).map { "\(($0 * 100).rounded().saturated) %" } ?? "-"
    case .threads: count(sample[.threads])
    case .descriptors: count(sample[.descriptors])
    case .connections: count(sample[.tcpEstablished])
    case .load: rate(.load, sample, previous).map { "\($0.rounded().saturated)/s" } ?? "-"
    }
  }

  private func bytes(_ value: Double?) -> String { value.map { ByteCount(saturating: $0).description } ?? "-" }
  private func count(_ value: Double?) -> String { value.map { Count(saturating: $0).description } ?? "-" }

  private func change(_ now: Double?, _ then: Double?) -> String {
    guard let now, let then else { return "-" }
    return (now < then ? "-" : "+") + ByteCount(saturating: abs(now - then)).description
  }

  /// Of a counter, a second.
  private func rate(_ metric: Metric, _ sample: Sample, _ previous: Sample?) -> Double? {
    guard let previous, let now = sample[metric], let then = previous[metric], now >= then, sample.time > previous.time
    else { return nil }
    return (now - then) / (Double(sample.time - previous.time) / 1000)
  }
}
