import Foundation
import Measurement
import ProcessImage
import Reports

extension PostmortemReport {
  func text(style: TextStyle) -> String {
    var lines = heading(style)
    lines += minutes(style)
    lines += holdersTable(style)
    lines += churnTable(style)
    lines += growthTable(style)
    if !remarks.isEmpty {
      lines += ["", style.paint("REMARKS", .heading)]
      lines += remarks.flatMap { style.wrap(TextStyle.printable($0), first: "  - ", rest: "    ") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func heading(_ style: TextStyle) -> [String] {
    let name = program.fileName ?? program
    let time = seconds.map { " after \(TimeSpan(seconds: $0))" } ?? ""
    let how = ending == "running" ? "still runs," : ending
    let group = limitShare.map { " \($0)" } ?? ""
    let first = "\(TextStyle.printable(name)) (pid \(pid)) \(how)\(time), with \(size(inUse.bytes)) in use.\(group)"
    return style.wrap(first + killed) + [
      "One sample in \(ByteCount(interval)): \(Count(samples).of("sample")), allocated \(size(allocated.bytes)) in all."
    ]
  }

  /// What the kernel counted; of which process it does not say.
  private var killed: String {
    guard let groupKills, groupKills > 0 else { return "" }
    let what = Count(groupKills).of("process", "processes")
    return " For lack of memory the kernel killed \(what) of its control group."
  }

  /// How near the last point was to the limit.
  private var limitShare: String? {
    guard let last = points.last, let limit = last.limit, limit > 0, let used = last.groupUsage ?? last.rss else {
      return nil
    }
    return "Memory stood at \(Share(used, of: limit)) of its limit of \(ByteCount(limit))."
  }

  private func minutes(_ style: TextStyle) -> [String] {
    let level = points.compactMap { $0.rss.map(Double.init) }
    guard level.count > 1, let first = points.first else { return [] }
    var lines = [
      "", style.paint("THE LAST \(TimeSpan(seconds: first.secondsBefore))".uppercased(), .heading),
      "  resident  " + Sparkline.text(level, width: min(style.width - 14, 60)),
      "  in use    " + Sparkline.text(points.map(\.inUse), width: min(style.width - 14, 60)), "",
      "   BEFORE    RESIDENT       GROUP       LIMIT      IN USE  ALLOCATED/S  THREADS",
    ]
    // Dense towards the end: that is what one looks for.
    var shown: [Int] = []
    var back = 0
    var step = 1
    while back < points.count, shown.count < 10 {
      shown.append(points.count - 1 - back)
      back += step
      step *= 2
    }
    for index in shown.reversed() {
      let point = points[index]
      let before = index > 0 ? points[index - 1] : nil
      let span = before.map { $0.secondsBefore - point.secondsBefore } ?? 0
      let rate = before.flatMap { span > 0 ? max(point.allocated - $0.allocated, 0) / span : nil }
      lines.append(
        Column.right(point.secondsBefore == 0 ? "end" : "\(TimeSpan(seconds: point.secondsBefore))", 9)
          + [point.rss, point.groupUsage, point.limit].map { Column.right($0.map { "\(ByteCount($0))" } ?? "-", 12) }
          .joined()
          + Column.right(size(point.inUse), 12) + Column.right(rate.map(size) ?? "-", 13)
          + Column.right(point.threads.map { "\($0)" } ?? "-", 9))
    }
    return lines
  }

  private func holdersTable(_ style: TextStyle) -> [String] {
    guard !holders.isEmpty else { return ["", "Nothing that was sampled was in use."] }
    var lines = [
      "", style.paint("IN USE, BY WHERE IT WAS ALLOCATED", .heading), "     IN USE    ± 95 %  SHARE     COUNT  STACK",
    ]
    for row in holders {
      let share = inUse.bytes > 0 ? "\(Share(fraction: row.inUse.bytes / inUse.bytes))" : "-"
      lines.append(
        line(
          Column.right(size(row.inUse.bytes), 11) + Column.right(size(row.inUse.margin), 10) + Column.right(share, 7)
            + Column.right("\(Count(saturating: row.inUse.count))", 10), row.summary, style))
    }
    return lines
  }

  private func churnTable(_ style: TextStyle) -> [String] {
    guard !churn.isEmpty else { return [] }
    var lines = ["", style.paint("ALLOCATED AND FREED AGAIN", .heading), "      FREED     LIVES  KIND       STACK"]
    for row in churn.prefix(5) {
      let lives = row.meanLifetime.map { $0 < 1e6 ? "< 1 ms" : "\(TimeSpan(seconds: $0 / 1e9))" } ?? "?"
      lines.append(
        line(
          Column.right(size(row.freedBytes), 11) + Column.right(lives, 10) + Column.left(row.lifetime, 9), row.summary,
          style))
    }
    return lines
  }

  private func growthTable(_ style: TextStyle) -> [String] {
    guard !growths.isEmpty else { return [] }
    var lines = [
      "", style.paint("THE LAST LARGE STEPS OF THE HEAP", .heading), "   BEFORE        STEP  KIND           STACK",
    ]
    for growth in growths {
      lines.append(
        line(
          Column.right("\(TimeSpan(seconds: growth.secondsBefore))", 9)
            + Column.right("\(ByteCount(growth.step))", 12) + Column.left(growth.kind, 13), growth.stack, style))
    }
    return lines
  }

  private func line(_ head: String, _ stack: String, _ style: TextStyle) -> String {
    head + "  " + TextStyle.shorten(TextStyle.printable(stack), to: max(style.width - head.count - 2, 20))
  }

  private func size(_ bytes: Double) -> String { "\(ByteCount(saturating: bytes))" }
}
