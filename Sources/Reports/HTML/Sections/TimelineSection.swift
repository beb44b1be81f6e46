import Diagnosis
import Measurement
import Timeline

/// Memory over time with everything beside it on the same axis. Drawn by the script; the numbers are in a table, too.
struct TimelineSection {
  let growth: GrowthReport
  let chart: TimelineChart?

  var markup: Markup {
    guard let chart else {
      return growth.curves.times.isEmpty
        ? "" : "<section id=\"time\"><h2>Over time</h2><p>Too few samples to draw.</p></section>"
    }
    return """
      <section id="time" aria-labelledby="time-title">
      <h2 id="time-title">Over time</h2>
      <p>\(trend)</p>
      <div id="timeline" class="timeline" role="img" aria-label="Memory over time, stacked by holder, with load, processor time, threads, connections and descriptors below. The table after it has the numbers."></div>
      <noscript><p class="note">The chart needs scripts; the table has its numbers.</p></noscript>
      \(note(chart))\(events)<details><summary>The numbers</summary>
      \(table(chart))
      </details>
      </section>
      """
  }

  private var trend: Markup {
    let trend = growth.trend
    var text = "Watched for \(TimeSpan(seconds: growth.watchedSeconds)) in \(Count(growth.samples).of("sample"))"
    if trend.lives > 1 { text += " over \(Count(trend.lives)) lives of the process" }
    text += ": memory \(Words.pattern(trend.pattern))"
    if trend.pattern == .growing {
      text +=
        " by \(Words.perHour(trend.perHour)) (90 %: \(Words.perHour(trend.lowPerHour)) to \(Words.perHour(trend.highPerHour)))"
    }
    if let period = trend.periodSeconds { text += ", with a rhythm of \(TimeSpan(seconds: period))" }
    return "\(text)."
  }

  private func note(_ chart: TimelineChart) -> Markup {
    guard let stack = chart.stack else { return "" }
    let text =
      stack.isMeasuredAtTimes
      ? "Areas: where memory was at each of \(Count(stack.times.count).of("snapshot")), with straight lines between. Line: resident memory as measured."
      : "Areas: resident memory by kind of page, as the kernel counts it. There were no two snapshots to tell holders apart."
    return "<p class=\"note\">\(text)</p>\n"
  }

  private var events: Markup {
    let notable = growth.events.filter { $0.kind != .snapshot && $0.kind != .started }
    guard !notable.isEmpty else { return "" }
    let rows = notable.suffix(12).map { event -> Markup in
      "<li><time>\(Words.moment(event.time))</time> \(.prose(event.detail, limit: 300))</li>\n"
    }
    return "<ul class=\"events\">\n\(rows)</ul>\n"
  }

  private static let mostRows = 40

  private func table(_ chart: TimelineChart) -> Markup {
    let lines = chart.lines + chart.panels
    var table = HTMLTable(
      "Memory and load over time",
      [.text("Time")]
        + lines.map { line in
          line.id == Metric.load.name
            ? .number(Glossary.load.term()) : .number("<span title=\"\(line.meaning)\">\(line.title)</span>")
        })
    let step = max((chart.times.count + Self.mostRows - 1) / Self.mostRows, 1)
    for index in chart.times.indices where index % step == 0 || index == chart.times.count - 1 {
      table.rows.append(
        ["<time>\(Words.moment(chart.times[index]))</time>"]
          + lines.map { line in
            let value = index < line.values.count ? line.values[index] : nil
            return "\(value.map { Self.text($0, line.unit) } ?? "–")"
          })
    }
    return table.markup
  }

  static func text(_ value: Double, _ unit: TimelineChart.Unit) -> String {
    switch unit {
    case .bytes: ByteCount(saturating: value).description
    case .count: Count(saturating: value).description
    case .cores: value.hundredths
    case .perSecond: value < 100 ? value.hundredths + "/s" : Count(saturating: value).description + "/s"
    }
  }
}
