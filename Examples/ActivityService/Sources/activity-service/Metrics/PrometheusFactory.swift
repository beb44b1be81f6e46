import CoreMetrics
import Synchronization

/// swift-metrics' backend: counters, gauges and summaries, written as Prometheus's text format asks for them.
final class PrometheusFactory: MetricsFactory {
  /// A metric with its labels, as it stands on the page: `requests_total{method="GET"}`.
  struct Series: Hashable, Comparable {
    var name: String
    var labels: String

    static func < (left: Self, right: Self) -> Bool { (left.name, left.labels) < (right.name, right.labels) }
  }

  private let values = Mutex<[Series: any PrometheusValue]>([:])

  private func value<Value: PrometheusValue>(
    _ label: String, _ dimensions: [(String, String)], suffix: String = "", _ make: () -> Value
  ) -> Value {
    let series = Series(name: Self.name(label) + suffix, labels: Self.labels(dimensions))
    return values.withLock { values in
      if let known = values[series] as? Value { return known }
      let made = make()
      values[series] = made
      return made
    }
  }

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    value(label, dimensions, suffix: "_total") { CounterValue() }
  }

  func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    value(label, dimensions) { GaugeValue() }
  }

  func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
    aggregate ? value(label, dimensions) { SummaryValue() } : value(label, dimensions) { GaugeValue() }
  }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    value(label, dimensions, suffix: "_seconds") { SummaryValue() }
  }

  // Series stay: Prometheus wants a counter to be there as long as the process.
  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyMeter(_ handler: any MeterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}

  /// The page.
  func text() -> String {
    let sorted = values.withLock { $0.sorted { $0.key < $1.key } }
    var text = ""
    var described = ""
    for (series, value) in sorted {
      if series.name != described {
        text += "# TYPE \(series.name) \(value.kind)\n"
        described = series.name
      }
      for (suffix, number) in value.lines { text += "\(series.name)\(suffix)\(series.labels) \(number)\n" }
    }
    return text
  }

  /// Letters, digits, `_` and `:` only.
  private static func name(_ label: String) -> String {
    String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" || $0 == ":" ? $0 : "_" })
  }

  private static func labels(_ dimensions: [(String, String)]) -> String {
    guard !dimensions.isEmpty else { return "" }
    let pairs = dimensions.map { label, value in
      let escaped = value.flatMap { character -> [Character] in
        switch character {
        case "\\": ["\\", "\\"]
        case "\"": ["\\", "\""]
        case "\n": ["\\", "n"]
        default: [character]
        }
      }
      return "\(name(label))=\"\(String(escaped))\""
    }
    return "{" + pairs.sorted().joined(separator: ",") + "}"
  }
}
