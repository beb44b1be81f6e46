import Measurement

/// What no pointer leads to, a card a cause with its references drawn.
struct LeaksSection {
  let leaks: ReportModel.Leaks
  let showsAddresses: Bool

  static let most = 24
  private static let mostRows = 200

  var markup: Markup {
    """
    <section id="leaks" aria-labelledby="leaks-title">
    <h2 id="leaks-title">Leaks</h2>
    \(content)\(suppressed)</section>
    """
  }

  private var content: Markup {
    guard leaks.isJudged else {
      return
        "<p class=\"warning\">Leaks cannot be judged: \(Markup.prose(leaks.reason ?? "the heap could not be walked exactly")).</p>\n"
    }
    guard !leaks.groups.isEmpty else {
      return "<p>None: a pointer leads to every \(Glossary.liveBlock.term("live block")).</p>\n"
    }
    return """
      <p>No pointer leads to \(Count(leaks.blocks).of("block")), \(ByteCount(leaks.bytes)).</p>
      \(CycleDrawing.definitions)
      <ol class="cards">
      \(leaks.groups.prefix(Self.most).enumerated().map { card($1, number: $0 + 1) })</ol>
      \(rest)
      """
  }

  private func card(_ group: ReportModel.LeakGroup, number: Int) -> Markup {
    let drawing = CycleDrawing(group)
    let path: Markup = group.edges.isEmpty || drawing != nil ? "" : "<p>\(Markup.name(group.title, limit: 600))</p>\n"
    return """
      <li class="card\(drawing == nil ? "" : " drawn")">
      <div class="head">
      <p class="kind">\(number). \(kind(group))</p>
      <h3>\(heading(group))</h3>
      <p class="amounts">\(Words.confidence(group.certainty.rawValue))<span class="dot" aria-hidden="true"> · </span><span class="amount">\(ByteCount(group.bytes))</span><span class="dot" aria-hidden="true"> · </span>\(Count(group.blocks).of("block"))</p>
      \(path)\(evidence(group))\(members(group))</div>
      \(drawing?.markup ?? "")
      </li>

      """
  }

  private func kind(_ group: ReportModel.LeakGroup) -> Markup {
    if group.isFollowed == false { return "Leaked blocks of one type" }
    return switch group.kind {
    case .cycle: Glossary.cycle.term()
    case .lostTask: Glossary.lostTask.term()
    case .chain: "Forgotten block"
    case .native: "Native block"
    }
  }

  private func heading(_ group: ReportModel.LeakGroup) -> Markup {
    let times: Markup = group.instances == 1 ? "" : "\(Count(group.instances)) × "
    if group.kind == .lostTask, let place = group.waitsIn { return "\(times)waits in \(Markup.name(place))" }
    return "\(times)\(Markup.name(group.type))"
  }

  private func evidence(_ group: ReportModel.LeakGroup) -> Markup {
    var lines = group.evidence.prefix(12).map { "<li>\(Markup.prose($0))</li>" as Markup }
    if showsAddresses, !group.exampleAddresses.isEmpty {
      lines.append("<li>for instance at \(Markup.name(group.exampleAddresses.prefix(4).joined(separator: ", ")))</li>")
    }
    return lines.isEmpty ? "" : "<ul>\(lines)</ul>\n"
  }

  private func members(_ group: ReportModel.LeakGroup) -> Markup {
    guard group.members.count > 1 else { return "" }
    var table = HTMLTable("What leaks with it", [.text("Type"), .number("Blocks"), .number("Bytes")])
    for row in group.members.prefix(8) {
      table.rows.append([.name(row.type, limit: 120), "\(Count(row.count))", "\(ByteCount(row.bytes))"])
    }
    let rest = group.members.dropFirst(8)
    if !rest.isEmpty {
      table.rows.append([
        "\(Count(rest.count).of("more type"))", "\(Count(rest.reduce(UInt64(0)) { $0 &+ $1.count }))",
        "\(ByteCount(rest.reduce(UInt64(0)) { $0 &+ $1.bytes }))",
      ])
    }
    return "<details><summary>What leaks with it</summary>\(table.markup)</details>\n"
  }

  private var rest: Markup {
    let rest = leaks.groups.dropFirst(Self.most)
    guard !rest.isEmpty else { return "" }
    var table = HTMLTable(
      "Further leaks", [.text("What"), .text("Confidence"), .number("Times"), .number("Blocks"), .number("Bytes")])
    for group in rest.prefix(Self.mostRows) {
      table.rows.append([
        .name(group.title, limit: 200), "\(group.certainty.rawValue)", "\(Count(group.instances))",
        "\(Count(group.blocks))", "\(ByteCount(group.bytes))",
      ])
    }
    let hidden = rest.count - min(rest.count, Self.mostRows)
    let note: Markup = hidden == 0 ? "" : "<p class=\"note\">And \(Count(hidden)) more; --json lists them all.</p>"
    return "<details><summary>\(Count(rest.count).of("further group"))</summary>\(table.markup)\(note)</details>\n"
  }

  private var suppressed: Markup {
    let suppressed = leaks.suppressed
    guard suppressed.groups > 0 else { return "" }
    return
      "<p class=\"note\">Suppressed: \(Count(suppressed.groups).of("group")), \(Count(suppressed.blocks).of("block")), \(ByteCount(suppressed.bytes)).</p>\n"
  }
}
