import Measurement
import Reports
import SamplerTable

/// Sites by what they allocated and freed again: many short-lived blocks cost time and fragment, but do not make memory grow.
struct ChurnText {
  let table: SamplerTable
  let names: StackNames
  let limit: Int

  func render(style: TextStyle) -> String {
    let sites = table.churn()
    let total = sites.reduce(0) { $0 + $1.freedBytes }
    guard !sites.isEmpty, total > 0 else { return "Nothing that was sampled has been freed yet.\n" }
    var lines = ["  ALLOCATED      FREED  SHARE    LIVES  KIND       STACK"]
    for site in sites.prefix(limit) {
      let lifetime = Lifetime.of(site)
      let lives = lifetime.isBrief ? "< 1 ms" : lifetime.mean.map { "\(TimeSpan(seconds: $0 / 1e9))" } ?? "?"
      let row = [
        pad(site.allocatedBytes.value, 11), pad(site.freedBytes, 11),
        Column.right("\(Share(fraction: site.freedBytes / total))", 7), Column.right(lives, 9),
        Column.left(lifetime.name, 10),
      ]
      let head = row.joined(separator: "")
      lines.append(
        head + " "
          + TextStyle.shorten(TextStyle.printable(names.summary(site)), to: max(style.width - head.count - 1, 20)))
    }
    if sites.count > limit { lines.append("  and \(Count(sites.count - limit).of("more stack"))") }
    lines.append("")
    lines += style.wrap("LIVES: mean time that a block stays, by Little's law; a lower bound where blocks still live.")
    return lines.joined(separator: "\n") + "\n"
  }

  private func pad(_ bytes: Double, _ width: Int) -> String {
    Column.right("\(ByteCount(saturating: bytes))", width)
  }
}
