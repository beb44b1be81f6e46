import Diagnosis
import Measurement

/// A card a cause: how much, the evidence, what to change, and what would prove it wrong.
struct CausesSection {
  let growth: GrowthReport

  /// More cards than this nobody reads; the rest is a table.
  static let most = 24
  private static let mostRows = 200

  var markup: Markup {
    guard !growth.findings.isEmpty else { return "" }
    let cards = growth.findings.prefix(Self.most).enumerated().map { card($1, number: $0 + 1) }
    return """
      <section id="causes" aria-labelledby="causes-title">
      <h2 id="causes-title">Causes</h2>
      <ol class="cards">
      \(cards)</ol>
      \(rest)
      </section>
      """
  }

  private func card(_ finding: Finding, number: Int) -> Markup {
    """
    <li class="card">
    <div class="head">
    <p class="kind">\(number). \(finding.cause.title)</p>
    <h3>\(Markup.prose(finding.title, limit: 300))</h3>
    \(site(finding))<p class="amounts">\(amounts(finding))</p>
    \(share(finding))</div>
    <div class="reasons">
    \(list("Evidence", finding.evidence))\(list("Change", finding.advice))\(list("Wrong if", finding.overturnedBy.isEmpty ? [] : [finding.overturnedBy]))</div>
    </li>

    """
  }

  private func site(_ finding: Finding) -> Markup {
    guard let site = finding.site, !finding.title.contains(site) else { return "" }
    return "<p class=\"site\">\(Markup.name(site))</p>\n"
  }

  private func amounts(_ finding: Finding) -> Markup {
    var parts: [Markup] = [Words.confidence(finding.confidence.rawValue)]
    if let amount = finding.growth, amount != 0 {
      parts.append("<span class=\"amount\">\(Words.change(amount))</span>")
      if let perHour = finding.growthPerHour { parts.append(Glossary.growthRate.term(Words.perHour(perHour))) }
    }
    if finding.holds > 0 { parts.append("holds \(ByteCount(finding.holds))") }
    return Markup(parts, separator: "<span class=\"dot\" aria-hidden=\"true\"> · </span>")
  }

  private func share(_ finding: Finding) -> Markup {
    guard let share = finding.share, share > 0 else { return "" }
    let width = Int((min(max(share, 0), 1) * 1000).rounded())
    return """
      <p class="share"><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="rail" width="1000" height="10"/><rect class="fill" width="\(width)" height="10"/></svg><span>\(Share(fraction: share)) of the \(Glossary.share.term("growth"))</span></p>

      """
  }

  private func list(_ title: String, _ lines: [String]) -> Markup {
    guard !lines.isEmpty else { return "" }
    return """
      <h4>\(title)</h4>
      <ul>\(lines.prefix(12).map { "<li>\(Markup.prose($0))</li>" as Markup })</ul>

      """
  }

  private var rest: Markup {
    let rest = growth.findings.dropFirst(Self.most)
    guard !rest.isEmpty else { return "" }
    var table = HTMLTable(
      "Further causes", [.text("Cause"), .text("What"), .text("Confidence"), .number("Growth"), .number("Holds")])
    for finding in rest.prefix(Self.mostRows) {
      table.rows.append([
        "\(finding.cause.title)", .prose(finding.title, limit: 160), "\(finding.confidence.rawValue)",
        "\(finding.growth.map(Words.change) ?? "–")", "\(ByteCount(finding.holds))",
      ])
    }
    let hidden = rest.count - min(rest.count, Self.mostRows)
    let note: Markup = hidden == 0 ? "" : "<p class=\"note\">And \(Count(hidden)) more; --json lists them all.</p>"
    return "<details><summary>\(Count(rest.count).of("further cause"))</summary>\(table.markup)\(note)</details>"
  }
}
