import Measurement
import Reports

/// The end of the demo: what three shapes of one cache cost, and what memwhy got right.
enum DemoText {
  static func lines(_ result: DemoResult, style: TextStyle) -> [String] {
    var lines: [String] = []
    if result.days.count == 3 {
      lines += ["", style.paint("THE SAME DAY, THREE TIMES", .heading)]
      for day in result.days { lines.append(row(day)) }
      if let predicted = result.predictedSaving, let real = result.realSaving {
        lines.append("  sharing: memwhy had predicted to save \(ByteCount(predicted)); it saved \(ByteCount(real))")
      }
    }
    lines += ["", style.paint("WAS MEMWHY RIGHT?", .heading)]
    for check in result.checks {
      let word = check.holds ? style.paint("yes", .good) : style.paint("NO ", .bad)
      lines += style.wrap("\(check.claim): \(check.seen)", first: "  \(word)  ", rest: "       ")
    }
    return lines
  }

  private static func row(_ day: DemoResult.Day) -> String {
    let title =
      switch day.variant {
      case "struct": "values copied into every entry"
      case "shared": "references to shared values"
      default: "no cache, computed each time"
      }
    return Column.left(title, 32)
      + Column.right("\(ByteCount(day.liveBytes))", 10) + " live  "
      + Column.right(Count(day.entries).of("entry", "entries"), 14)
      + "  " + Column.right("\(Int(day.processorPerRequest * 1e6)) us", 7) + " of processor a request"
  }
}
