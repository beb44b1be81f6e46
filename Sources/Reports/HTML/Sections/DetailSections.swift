import Measurement

/// Live blocks by type.
struct CensusSection {
  let report: ReportModel

  private static let shown = 20
  private static let mostRows = 300

  var markup: Markup {
    guard !report.census.isEmpty else { return "" }
    let first = report.census.prefix(Self.shown)
    let more = report.census.dropFirst(Self.shown)
    var rest: Markup = ""
    if !more.isEmpty {
      let hidden = more.dropFirst(Self.mostRows)
      let bytes = more.reduce(UInt64(0)) { $0 &+ $1.bytes }
      let note: Markup =
        hidden.isEmpty
        ? "" : "<p class=\"note\">And \(Count(hidden.count).of("smaller type")); --json lists them all.</p>"
      rest =
        "<details><summary>\(Count(more.count).of("more type")), \(ByteCount(bytes))</summary>\(table(more.prefix(Self.mostRows)))\(note)</details>\n"
    }
    return """
      <section id="types" aria-labelledby="types-title">
      <h2 id="types-title">Heap by type</h2>
      \(table(first))
      \(rest)</section>
      """
  }

  private func table(_ rows: ArraySlice<ReportModel.CensusRow>) -> Markup {
    var table = HTMLTable(
      "Live blocks by type",
      [
        .text("Type"), .number(Glossary.ownSize.term("Bytes")), .number("Share"),
        .number(Glossary.liveBlock.term("Blocks")),
      ])
    for row in rows {
      table.rows.append([
        .name(row.type, limit: 160), "\(ByteCount(row.bytes))", "\(Share(row.bytes, of: report.heap.bytes))",
        "\(Count(row.count))",
      ])
    }
    return table.markup
  }
}

/// What to do, in order.
struct StepsSection {
  let steps: [String]

  var markup: Markup {
    guard !steps.isEmpty else { return "" }
    return """
      <section id="next" aria-labelledby="next-title">
      <h2 id="next-title">What to do next</h2>
      <ol class="steps">\(steps.prefix(20).map { "<li>\(Markup.prose($0))</li>" as Markup })</ol>
      </section>
      """
  }
}

/// How it was measured: what the process paid, how far the numbers can be trusted, what was left out.
struct MethodSection {
  let report: ReportModel

  var markup: Markup {
    """
    <section id="method" aria-labelledby="method-title">
    <h2 id="method-title">How it was measured</h2>
    <ul class="facts">
    \(facts.map { "<li>\($0)</li>\n" as Markup })</ul>
    \(checks)\(arenas)</section>
    """
  }

  private var facts: [Markup] {
    var facts: [Markup] = []
    switch report.target.source {
    case .frozen: facts.append("From a copy of the process at one instant; the process went on.")
    case .stopped: facts.append("The process stood still while what was needed was copied.")
    case .running: facts.append("Read while the process went on running, so leaks cannot be judged.")
    case .core: facts.append("From a core file.")
    }
    if let freeze = report.freeze {
      facts.append(
        "\(Glossary.pause.term()): \(TimeSpan(nanoseconds: freeze.measuredPauseNanoseconds)), predicted \(TimeSpan(nanoseconds: freeze.predictedPauseNanoseconds))."
      )
    }
    let heap = report.heap
    facts.append(
      "Allocator: \(heap.allocator); \(Share(heap.typedBlocks, of: heap.blocks)) of the blocks have a known type; \(ByteCount(heap.freeBytes)) are free in \(Count(heap.arenas.count).of("arena"))."
    )
    if !heap.checks.isEmpty {
      let failed = heap.failedChecks
      facts.append(
        failed.isEmpty
          ? "\(Glossary.selfCheck.term("Self-checks")): all \(Count(heap.checks.count)) agree with the allocator's own counters."
          : "\(Glossary.selfCheck.term("Self-checks")): \(Count(failed.count)) of \(Count(heap.checks.count)) failed, first \(failed[0].name)."
      )
    }
    if let growth = report.growth { facts.append("Growth: \(growth.trend.method).") }
    for remark in ((report.growth?.remarks ?? []) + report.remarks).prefix(40) { facts.append(.prose(remark)) }
    if !report.phases.isEmpty {
      let total = report.phases.reduce(UInt64(0)) { $0 &+ $1.nanoseconds }
      facts.append("The analysis of one snapshot took \(TimeSpan(nanoseconds: total)).")
    }
    return facts
  }

  private var checks: Markup {
    guard !report.heap.checks.isEmpty else { return "" }
    var table = HTMLTable("Self-checks", [.text("Check"), .text("Result"), .number("Expected"), .number("Found")])
    for check in report.heap.checks.prefix(100) {
      table.rows.append([
        "\(TextStyle.shorten(check.name, to: 100))", check.passed ? "agrees" : "<strong>differs</strong>",
        "\(Count(check.expected))", "\(Count(check.found))",
      ])
    }
    return "<details><summary>Self-checks</summary>\(table.markup)</details>\n"
  }

  private var arenas: Markup {
    guard report.heap.arenas.count > 1 else { return "" }
    var table = HTMLTable(
      "Arenas",
      [.text(Glossary.arena.term()), .number("System"), .number("Live"), .number("Free"), .number("At the end")])
    for arena in report.heap.arenas.prefix(200) {
      table.rows.append([
        arena.isMain ? "main" : .name(arena.address, limit: 32), "\(ByteCount(arena.systemBytes))",
        "\(ByteCount(arena.liveBytes))", "\(ByteCount(arena.freeBytes))", "\(ByteCount(arena.topBytes))",
      ])
    }
    return "<details><summary>\(Count(report.heap.arenas.count).of("arena"))</summary>\(table.markup)</details>\n"
  }
}
