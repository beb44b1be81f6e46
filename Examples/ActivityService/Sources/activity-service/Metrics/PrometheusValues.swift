import CoreMetrics
import Synchronization

/// One series of the page.
protocol PrometheusValue: AnyObject, Sendable {
  /// `counter`, `gauge` or `summary`.
  var kind: String { get }
  /// What follows the name, and the number.
  var lines: [(suffix: String, number: String)] { get }
}

final class CounterValue: PrometheusValue, CounterHandler {
  private let count = Atomic<Int64>(0)
  let kind = "counter"
  var lines: [(suffix: String, number: String)] { [("", "\(count.load(ordering: .relaxed))")] }

  func increment(by amount: Int64) { count.add(amount, ordering: .relaxed) }
  func reset() { count.store(0, ordering: .relaxed) }
}

final class GaugeValue: PrometheusValue, MeterHandler, RecorderHandler {
  private let value = Mutex(0.0)
  let kind = "gauge"
  var lines: [(suffix: String, number: String)] { [("", "\(value.withLock { $0 })")] }

  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { self.value.withLock { $0 = value } }
  func increment(by amount: Double) { value.withLock { $0 += amount } }
  func decrement(by amount: Double) { value.withLock { $0 -= amount } }
  func record(_ value: Int64) { set(value) }
  func record(_ value: Double) { set(value) }
}

/// Sum and count; quantiles would need the values.
final class SummaryValue: PrometheusValue, RecorderHandler, TimerHandler {
  private let state = Mutex<(sum: Double, count: Int)>((0, 0))
  let kind = "summary"
  var lines: [(suffix: String, number: String)] {
    let (sum, count) = state.withLock { $0 }
    return [("_sum", "\(sum)"), ("_count", "\(count)")]
  }

  func record(_ value: Int64) { record(Double(value)) }
  func record(_ value: Double) {
    state.withLock {
      $0.sum += value
      $0.count += 1
    }
  }
  func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}
