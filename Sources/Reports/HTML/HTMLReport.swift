import Diagnosis
import HeapGraph
import Measurement

/// A report as one page that can be mailed, attached to a ticket and printed (docs/html-report.md).
///
/// Everything is inside, nothing is fetched. Names from the target are escaped; the page's policy runs no script but its own.
/// Tables are cut at some hundred rows, so that the size does not depend on the heap's.
public struct HTMLReport: Sendable {
  /// What the page shows.
  public struct Options: Sendable, Hashable {
    public var showAddresses: Bool

    public init(showAddresses: Bool = false) { self.showAddresses = showAddresses }
  }

  public var options: Options

  public init(options: Options = Options()) { self.options = options }

  /// - Throws: `ReportsError.notEncodable`.
  public func render(_ report: ReportModel) throws(ReportsError) -> String {
    let chart = report.growth.flatMap { TimelineChart($0) }
    var data = PageData(timeline: chart)
    var sections = report.growth.map { Self.sections(of: $0, chart) } ?? []
    func add(_ id: String, _ title: String, _ markup: Markup) {
      if !markup.isEmpty { sections.append((id, title, markup)) }
    }
    if report.verb != "heap" {
      add("leaks", "Leaks", LeaksSection(leaks: report.leaks, showsAddresses: options.showAddresses).markup)
    }
    if let holders = report.holders {
      data.trees["holders"] = DrawnTree(holders)
      add("holders-section", "Who holds what", TreeSection.holders(holders).markup)
    }
    add("caches", "Local caches", LocalCachesSection(caches: report.localCaches ?? []).markup)
    if let profile = report.profile {
      data.trees["profile"] = DrawnTree(profile)
      add("profile-section", "Where it was allocated", TreeSection.profile(profile).markup)
    }
    add("types", "Types", CensusSection(report: report).markup)
    add("next", "What to do next", StepsSection(steps: report.nextSteps).markup)
    add("method", "How it was measured", MethodSection(report: report).markup)
    return try page(
      title: "memwhy: \(report.target.name)", head: VerdictSection(report: report).markup, sections, tool: report.tool,
      data: data)
  }

  /// What a history says of growth, without a look at the process.
  /// - Throws: `ReportsError.notEncodable`.
  public func render(
    _ growth: GrowthReport, name: String, tool: ReportModel.Tool
  ) throws(ReportsError) -> String {
    let chart = TimelineChart(growth)
    let head: Markup = """
      <header class="verdict \(growth.tone)">
      <p class="subject"><strong>\(Markup.name(name.isEmpty ? "unnamed process" : name, limit: 64))</strong> · from its history, \(Count(growth.trend.lives).of("life", "lives"))</p>
      <h1>\(Markup.prose(growth.sentence, limit: 600))</h1>
      \(GrowthFigures.list(GrowthFigures(growth: growth).all))
      </header>
      """
    var sections = Self.sections(of: growth, chart)
    let remarks = growth.remarks.prefix(40).map { "<li>\(Markup.prose($0))</li>" as Markup }
    sections.append(
      (
        "method", "How it was measured",
        "<section id=\"method\"><h2>How it was measured</h2><ul class=\"facts\"><li>Growth: \(growth.trend.method).</li>\(remarks)</ul></section>"
      ))
    return try page(
      title: "memwhy: \(name)", head: head, sections, tool: tool, data: PageData(timeline: chart))
  }

  private typealias Section = (id: String, title: String, markup: Markup)

  private static func sections(of growth: GrowthReport, _ chart: TimelineChart?) -> [Section] {
    let all: [Section] = [
      ("time", "Over time", TimelineSection(growth: growth, chart: chart).markup),
      ("causes", "Causes", CausesSection(growth: growth).markup),
      ("account", "Where the growth is", AccountSection(growth: growth).markup),
      ("books", "Where memory is", BooksSection(growth: growth).markup),
    ]
    return all.filter { !$0.markup.isEmpty }
  }

  /// Who holds the memory.
  /// - Throws: `ReportsError.notEncodable`.
  public func render(_ answer: HoldersAnswer) throws(ReportsError) -> String {
    guard let report = answer.retained else { throw .noPage(verb: answer.verb) }
    let tree = ReportModel.Tree(report)
    let first = report.holders.first.map { RetainedText.stableTitle($0) }
    let head: Markup = """
      <header class="verdict plain">
      <p class="subject"><strong>\(Markup.name(answer.target.name, limit: 64))</strong>\(answer.target.pid.map { " · pid \($0)" as Markup } ?? "")</p>
      <h1>\(first.map { "\(Markup.name($0)) holds \(ByteCount(report.holders.first?.retainedBytes ?? 0)) of " as Markup } ?? "")\(ByteCount(report.reachableBytes)) in \(Count(report.reachableBlocks).of("reachable block"))</h1>
      </header>
      """
    var sections = [("holders-section", "Who holds what", TreeSection.holders(tree).markup)]
    let caches = LocalCachesSection(caches: report.localCaches ?? []).markup
    if !caches.isEmpty { sections.append(("caches", "Local caches", caches)) }
    if !answer.remarks.isEmpty {
      let lines = answer.remarks.prefix(40).map { "<li>\(Markup.prose($0))</li>" as Markup }
      sections.append(
        ("remarks", "Remarks", "<section id=\"remarks\"><h2>Remarks</h2><ul class=\"facts\">\(lines)</ul></section>"))
    }
    return try page(
      title: "memwhy: who holds the memory of \(answer.target.name)", head: head, sections, tool: answer.tool,
      data: PageData(trees: ["holders": DrawnTree(tree)]))
  }

  /// What grew between snapshots.
  /// - Throws: `ReportsError.notEncodable`.
  public func render(_ diff: SnapshotDiff, tool: ReportModel.Tool) throws(ReportsError) -> String {
    let section = DiffSection(diff: diff)
    return try page(
      title: "memwhy: what grew in \(diff.process)", head: section.head, section.sections, tool: tool, data: nil)
  }

  private func page(
    title: String, head: Markup, _ sections: [(id: String, title: String, markup: Markup)], tool: ReportModel.Tool,
    data: PageData?
  ) throws(ReportsError) -> String {
    let links = sections.map { "<li><a href=\"#\($0.id)\">\($0.title)</a></li>\n" as Markup }
    let body: Markup = """
      <div class="bar"><p class="brand">memwhy</p><nav aria-label="Sections"><ul>
      \(links)<li><a href="#glossary">Glossary</a></li>
      </ul></nav><button id="theme" type="button" hidden="hidden">Theme</button></div>
      <main>
      \(head)
      \(sections.map { $0.markup + "\n" })\(Glossary.section)
      </main>
      <footer><p>\(tool.name) \(tool.version)</p></footer>
      """
    return try HTMLPage(title: title, body: body, data: data).render()
  }
}
