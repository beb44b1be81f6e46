import Diagnosis
import Measurement

/// Where the growth is: rows that add up to it; and what putting one cause right would win.
struct AccountSection {
  let growth: GrowthReport

  private static let mostRows = 40

  var markup: Markup {
    let account = self.account
    let forecast = self.forecast
    guard !account.isEmpty || !forecast.isEmpty else { return "" }
    return """
      <section id="account" aria-labelledby="account-title">
      <h2 id="account-title">Where the growth is</h2>
      \(account)\(forecast)</section>
      """
  }

  private var account: Markup {
    let rows = growth.account ?? []
    guard !rows.isEmpty else { return "" }
    var table = HTMLTable("Growth of resident memory between the snapshots", [.text("Where"), .number("Change")])
    for row in rows.prefix(Self.mostRows) {
      let name: Markup = Glossary(rawValue: row.holder).map { $0.term(row.title) } ?? .prose(row.title, limit: 240)
      table.rows.append([name, "\(Words.change(row.bytes))"])
    }
    let hidden = rows.dropFirst(Self.mostRows)
    if !hidden.isEmpty {
      let rest = hidden.reduce(Int64(0)) { $0 &+ $1.bytes }
      table.rows.append(["\(Count(hidden.count).of("smaller row"))", "\(Words.change(rest))"])
    }
    let sum = rows.reduce(Int64(0)) { $0 &+ $1.bytes }
    table.rows.append(["growth of resident memory between the snapshots, in all", "\(Words.change(sum))"])
    table.hasTotal = true
    return table.markup + "\n"
  }

  private var forecast: Markup {
    guard let causes = growth.forecastByCause else { return "" }
    func end(_ seconds: Double?) -> Markup { seconds.map { "in \(TimeSpan(seconds: $0))" } ?? "never at this rate" }
    var result: Markup = ""
    if causes.rows.count > 1 {
      var table = HTMLTable(
        "The limit, by cause", [.text("Cause"), .text("If only this goes on"), .text("If this is put right")])
      for row in causes.rows.prefix(8) {
        table.rows.append([.prose(row.title, limit: 160), end(row.alone), end(row.without)])
      }
      result = "<h3>When the \(Glossary.limit.term("limit")) is reached</h3>\n\(table.markup)\n"
    }
    if let each = causes.bytesPerWork, let rate = causes.workPerSecond, let name = causes.work {
      result =
        result
        + "<p class=\"note\">\(ByteCount(saturating: each)) stay for each count of \(Markup.prose(name, limit: 80)), at \(Count(saturating: rate)) a second; at twice as many the limit is reached in half the time.</p>\n"
    }
    return result
  }
}
