import Diagnosis
import Reports
import Timeline

/// A chart of a target's history, folded to the pixels that are drawn.
struct ChartQuery: Sendable {
  var target: String
  /// Milliseconds since 1970; nil for the ends of what is recorded.
  var from, to: Int64?
  /// Columns of the chart.
  var width: Int

  struct Answer: Encodable, Sendable {
    var chart: TimelineChart
    /// All that is recorded, to zoom out to.
    var first, last: Int64
    var from, to: Int64
    /// Milliseconds that one column stands for.
    var column: Int64
  }

  private static let levels: [Metric] = [.rss, .groupUsage, .groupLimit, .anonymous, .file, .shared]
  private static let metrics = levels + TimelineChart.panels.map(\.metric)

  /// nil where nothing is recorded of this target.
  func answer(_ history: History) throws(TimelineError) -> Answer? {
    let all = try history.runs(target: target)
    guard let first = all.map(\.first).min(), let last = all.map(\.last).max() else { return nil }
    let start = max(from ?? first, first - 1)
    let end = min(max(to ?? last, start + 1000), last + 1000)
    let runs = all.filter { $0.last >= start && $0.first <= end }
    let columns = try history.columns(
      runs: runs.map(\.id), metrics: Self.metrics, from: start, to: end, columns: width)
    var chart = Self.chart(columns)
    chart.events = try history.events(runs: runs.map(\.id), from: start, to: end, limit: 200)
    return Answer(
      chart: chart, first: first, last: last, from: start, to: end,
      column: max((end - start) / Int64(max(width, 1)) + 1, 1))
  }

  private static func chart(_ columns: [History.Column]) -> TimelineChart {
    func place(_ metric: Metric) -> Int { metrics.firstIndex(of: metric) ?? 0 }
    func line(_ metric: Metric, _ title: String, _ unit: TimelineChart.Unit) -> TimelineChart.Line? {
      let values = metric.kind == .counter ? rates(columns, place(metric)) : columns.map { $0.values[place(metric)] }
      guard values.contains(where: { $0 != nil }) else { return nil }
      var line = TimelineChart.Line(
        id: metric.name, title: title, unit: unit, meaning: metric.meaning, values: values)
      if metric.kind == .gauge, columns.contains(where: { $0.low[place(metric)] != nil }) {
        line.low = columns.map { $0.low[place(metric)] }
        line.high = columns.map { $0.high[place(metric)] }
      }
      return line
    }
    let resident = line(.rss, "resident", .bytes)
    let group = line(.groupUsage, "control group", .bytes)
    let isNear = TimelineChart.isNear(group, resident)
    let lines = isNear ? [resident, group].compactMap { $0 } : [resident].compactMap { $0 }
    var panels = TimelineChart.panels.compactMap { line($0.metric, $0.title, $0.unit) }
    if !isNear, let panel = line(.groupUsage, "Control group", .bytes) { panels.append(panel) }
    let times = columns.map(\.time)
    return TimelineChart(
      times: times, limit: columns.last { $0.values[place(.groupLimit)] != nil }?.values[place(.groupLimit)],
      stack: TimelineChart.kernelStack(times: times) { metric in columns.map { $0.values[place(metric)] } },
      lines: lines, panels: panels)
  }

  /// Differences of a counter within each life, a second.
  private static func rates(_ columns: [History.Column], _ place: Int) -> [Double?] {
    var previous: [Int64: (time: Int64, value: Double)] = [:]
    return columns.map { column in
      guard let value = column.values[place] else { return nil }
      defer { previous[column.run] = (column.time, value) }
      guard let before = previous[column.run], column.time > before.time, value >= before.value else { return nil }
      return (value - before.value) * 1000 / Double(column.time - before.time)
    }
  }
}
