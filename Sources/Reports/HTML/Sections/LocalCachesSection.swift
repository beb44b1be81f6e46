import HeapGraph
import Measurement

/// What the process's LocalCaches say of themselves: a row each, with the verdict in words.
struct LocalCachesSection {
  let caches: [LocalCacheSummary]

  private static let mostRows = 100

  var markup: Markup {
    guard !caches.isEmpty else { return "" }
    var table = HTMLTable(
      "Caches of the process by what they say of themselves",
      [.text("Contents"), .number("Hits"), .text("Traffic"), .text("Verdict")])
    for cache in caches.prefix(Self.mostRows) {
      table.rows.append([
        "\(Markup.prose(LocalCacheText.contents(cache), limit: 200))",
        "\(cache.hitRatio.map { Share(fraction: $0).description } ?? "–")",
        "\(LocalCacheText.traffic(cache))", "\(LocalCacheText.verdict(cache))",
      ])
    }
    let rest = caches.count - Self.mostRows
    let more: Markup = rest > 0 ? "<p>and \(Count(rest).of("more cache"))</p>\n" : ""
    return """
      <section id="caches" aria-labelledby="caches-title">
      <h2 id="caches-title">Local caches</h2>
      \(table.markup)\(more)</section>
      """
  }
}
