import Diagnosis
import Measurement
import Timeline

/// The verdict over time for a terminal: the answer, the books, the causes with their evidence, the forecast.
public struct GrowthText {
  let style: TextStyle
  let options: TextOptions

  public init(style: TextStyle, options: TextOptions) {
    self.style = style
    self.options = options
  }

  /// The first sentence, wrapped.
  public func answer(_ growth: GrowthReport) -> [String] {
    let role: TextStyle.Role =
      switch growth.cause {
      case .steady, .load, .warmUp: .good
      case .leak, .lostTasks: .bad
      default: .warning
      }
    return style.wrap(TextStyle.printable(growth.sentence)).map { style.paint($0, role) }
  }

  /// Causes, accounts and forecast, behind the answer.
  public func lines(_ growth: GrowthReport) -> [String] {
    var lines = ["", style.paint("OVER TIME", .heading)]
    lines += curves(growth)
    lines += style.wrap(trend(growth), first: "  ", rest: "  ")
    if let forecast = growth.forecast { lines += style.wrap(self.forecast(forecast), first: "  ", rest: "  ") }
    lines += kills(growth)
    if let causes = growth.forecastByCause { lines += self.forecast(causes) }
    lines += findings(growth)
    lines += account(growth)
    lines += books(growth)
    if !growth.remarks.isEmpty {
      lines += growth.remarks.flatMap { style.wrap(TextStyle.printable($0), first: "  ", rest: "  ") }
    }
    return lines
  }

  private func curves(_ growth: GrowthReport) -> [String] {
    let rows: [(String, String, Bool)] = [
      ("rss", "resident", true), ("group_usage", "group", true), ("load", "load/s", false), ("cpu", "cores", false),
      ("threads", "threads", false), ("descriptors", "descriptors", false), ("tcp_established", "TCP", false),
    ]
    return rows.compactMap { name, title, isBytes in
      let values = (growth.curves.values[name] ?? []).compactMap { $0 }
      guard values.count >= 2, let first = values.first, let last = values.last else { return nil }
      func text(_ value: Double) -> String {
        if isBytes { return ByteCount(saturating: value).description }
        if name == "cpu" { return max(value, 0).hundredths }
        return Count(saturating: value).description
      }
      return
        "  \(title.leftAligned(12))\(Sparkline.text(values, width: min(40, style.width - 40)))  \(text(first)) -> \(text(last))"
    }
  }

  private func trend(_ growth: GrowthReport) -> String {
    let trend = growth.trend
    let watched = TimeSpan(seconds: growth.watchedSeconds)
    var text = "Watched for \(watched), \(Count(growth.samples).of("sample"))"
    if trend.lives > 1 { text += ", \(trend.lives) lives of the process" }
    switch trend.pattern {
    case .growing:
      text += ": memory grows by \(rate(trend.perHour)) (90 %: \(rate(trend.lowPerHour)) to \(rate(trend.highPerHour)))"
    case .levelledOff: text += ": memory rose and has levelled off"
    case .steady: text += ": memory does not grow"
    case .falling: text += ": memory falls"
    case .undecided: text += ": undecided, growth or a swing"
    }
    return text + ". " + trend.method + "."
  }

  private func rate(_ bytes: Double) -> String {
    (bytes < 0 ? "-" : "") + "\(ByteCount(saturating: abs(bytes)))/h"
  }

  private func forecast(_ forecast: Forecast) -> String {
    let limit = ByteCount(saturating: forecast.limit)
    func span(_ seconds: Double) -> String {
      TimeSpan(seconds: seconds).description
    }
    switch forecast.outcome {
    case .never: return "The limit of \(limit) is not reached at this rate."
    case .reached: return "The limit of \(limit) is reached."
    case .reaches:
      let late = forecast.latest.map { "and \(span($0))" } ?? "and never"
      return
        "The limit of \(limit) is reached in about \(span(forecast.likely ?? 0)), between \(span(forecast.earliest ?? 0)) \(late) (90 %)."
    }
  }

  /// What the limit has cost already.
  private func kills(_ growth: GrowthReport) -> [String] {
    let kills = growth.events.filter { $0.kind == .outOfMemory }
    guard let last = kills.last else { return [] }
    let text = "Out of memory, \(Count(kills.count).of("time")), the last time: \(TextStyle.printable(last.detail))."
    return style.wrap(text, first: "  ", rest: "  ")
  }

  /// What putting one cause right would win.
  private func forecast(_ causes: CauseForecast) -> [String] {
    func end(_ seconds: Double?) -> String { seconds.map { "in \(TimeSpan(seconds: $0))" } ?? "never at this rate" }
    var lines: [String] = []
    if causes.rows.count > 1 {
      for row in causes.rows.prefix(3) {
        lines += style.wrap(
          "Without \(TextStyle.printable(row.title)): \(end(row.without)); with nothing else: \(end(row.alone)).",
          first: "    ",
          rest: "      ")
      }
    }
    if let each = causes.bytesPerWork, let rate = causes.workPerSecond, let name = causes.work {
      lines += style.wrap(
        "\(ByteCount(saturating: each)) stay for each count of \(TextStyle.printable(name)), at \(Count(saturating: rate)) a second; at twice as many the limit is reached in half the time.",
        first: "    ", rest: "      ")
    }
    return lines
  }

  /// Where the growth went: rows that add up to it.
  private func account(_ growth: GrowthReport) -> [String] {
    let rows = growth.account ?? []
    let sum = rows.reduce(Int64(0)) { $0 + $1.bytes }
    // Some pages come and go in every process.
    guard sum.magnitude >= 1 << 20 || rows.contains(where: { $0.bytes.magnitude >= 4 << 20 }) else { return [] }
    var table = TextTable([("CHANGE", .right), ("WHERE", .left)])
    func signed(_ bytes: Int64) -> String {
      (bytes < 0 ? "-" : bytes > 0 ? "+" : "") + ByteCount(bytes.magnitude).description
    }
    for row in rows { table.add([signed(row.bytes), TextStyle.printable(row.title)]) }
    table.add([signed(sum), "growth of resident memory between the snapshots, in all"])
    return ["", style.paint("WHERE THE GROWTH IS", .heading)] + table.lines(style)
  }

  private func findings(_ growth: GrowthReport) -> [String] {
    guard !growth.findings.isEmpty else { return [] }
    var lines = ["", style.paint("CAUSES", .heading)]
    for (index, finding) in growth.findings.prefix(options.limit).enumerated() {
      var head =
        "\(index + 1). \(finding.cause.title): \(TextStyle.printable(finding.title)) (\(finding.confidence.rawValue))"
      if let amount = finding.growth, amount > 0 {
        head += ", +\(ByteCount(UInt64(amount)))"
        if let perHour = finding.growthPerHour { head += ", \(rate(perHour))" }
        if let share = finding.share { head += ", \(Share(fraction: share)) of the growth" }
      } else if finding.holds > 0, !finding.cause.isHealthy {
        head += ", holds \(ByteCount(finding.holds))"
      }
      lines += style.wrap(head, first: "  ", rest: "     ")
      lines += finding.evidence.flatMap { style.wrap(TextStyle.printable($0), first: "     - ", rest: "       ") }
      lines += finding.advice.flatMap {
        style.wrap("change: " + TextStyle.printable($0), first: "     ", rest: "       ")
      }
      if !finding.overturnedBy.isEmpty {
        lines += style.wrap("wrong if: " + TextStyle.printable(finding.overturnedBy), first: "     ", rest: "       ")
      }
    }
    return lines
  }

  private func books(_ growth: GrowthReport) -> [String] {
    var lines: [String] = []
    if let resident = growth.resident, !growth.books.isEmpty {
      lines += ["", style.paint("WHERE RESIDENT MEMORY IS", .heading)]
      lines += table(growth.books, whole: resident, title: "resident")
      if growth.booksAreClosed == false {
        lines.append("  The books do not close: more than 2 % and 4 MiB are unexplained.")
      }
    }
    if let usage = growth.groupUsage, !growth.groupBooks.isEmpty, options.verbose {
      lines += ["", style.paint("WHERE THE CONTROL GROUP'S MEMORY IS", .heading)]
      lines += table(growth.groupBooks, whole: usage, title: "usage")
    }
    return lines
  }

  private func table(_ rows: [GrowthReport.Row], whole: UInt64, title: String) -> [String] {
    let hasGrowth = rows.contains { $0.growth != nil }
    var table = TextTable(
      [("BYTES", .right), ("SHARE", .right)] + (hasGrowth ? [("CHANGE", .right)] : []) + [("WHAT", .left)])
    func signed(_ bytes: Int64) -> String { (bytes < 0 ? "-" : "") + ByteCount(bytes.magnitude).description }
    for row in rows.sorted(by: {
      ($0.holder == "unexplained" ? 1 : 0, -$0.bytes) < ($1.holder == "unexplained" ? 1 : 0, -$1.bytes)
    }) {
      let change = row.growth.map { ($0 > 0 ? "+" : "") + signed($0) } ?? "-"
      table.add(
        [signed(row.bytes), Share(UInt64(max(row.bytes, 0)), of: whole).description] + (hasGrowth ? [change] : []) + [
          row.title
        ])
    }
    let sum = rows.compactMap(\.growth).reduce(0, +)
    table.add(
      [ByteCount(whole).description, ""] + (hasGrowth ? [(sum > 0 ? "+" : "") + signed(sum)] : []) + [
        "\(title), in all"
      ])
    return table.lines(style)
  }
}
