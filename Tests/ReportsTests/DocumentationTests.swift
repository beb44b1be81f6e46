import Foundation
import Reports
import TestSupport
import Testing

/// The schema's page and the code must not drift apart.
struct DocumentationTests {
  private static func page(_ name: String) throws -> String {
    try String(contentsOf: TestProgram.packageRoot.appendingPathComponent(name), encoding: .utf8)
  }

  private static func keys(_ value: Any) -> Set<String> {
    switch value {
    case let object as [String: Any]: object.reduce(into: Set(object.keys)) { $0.formUnion(keys($1.value)) }
    case let array as [Any]: array.reduce(into: Set()) { $0.formUnion(keys($1)) }
    default: []
    }
  }

  /// A report with every key that may be absent in others.
  private static var whole: ReportModel {
    var report = PageFixtures.growing
    report.heap.trimmedBytes = 1
    report.localCaches = []
    var group = ReportFixtures.lostTask
    group.waitsFor = "withCheckedContinuation"
    group.library = "NIOCore"
    group.isFollowed = false
    group.edges = [ReportModel.Edge(source: "Loader", field: "done", target: "Session", isClosure: true, isOwn: true)]
    report.leaks.groups.append(group)
    return report
  }

  private static func keys(of reports: [ReportModel]) throws -> Set<String> {
    try reports.reduce(into: Set()) { result, report in
      result.formUnion(keys(try JSONSerialization.jsonObject(with: Data(JSONReport.render(report).utf8))))
    }
  }

  private static let reports = [ReportFixtures.leaky, ReportFixtures.running, ReportFixtures.healthy, whole]

  /// What the tables of the page have in their first columns.
  @Test func everyDocumentedKeyIsInAReport() throws {
    let page = try Self.page("docs/report-schema.md")
    let tables = try #require(
      page.split(separator: "## diagnose, heap, leaks").last?.split(separator: "### Example").first)
    let known = try Self.keys(of: Self.reports)
    let documented = tables.matches(of: /(?m)^\| (`[^|]*`) \|/).flatMap { row in
      row.1.matches(of: /`(\w+)`/).map { String($0.1) }
    }
    #expect(documented.count > 60)
    for key in documented {
      #expect(known.contains(key), "docs/report-schema.md says what \(key) is, and no report has it")
    }
  }

  @Test func everyKeyIsDocumented() throws {
    let page = try Self.page("docs/report-schema.md")
    let prose = String(page.split(separator: "### Example").first ?? "")
    let doctor = DoctorReport(
      tool: ReportFixtures.tool, pid: 1, name: "a", checks: [.init("kernel", .ok, "detail", advice: "advice")])
    for key in try Self.keys(of: Self.reports) {
      #expect(prose.contains("`\(key)`"), "docs/report-schema.md does not say what \(key) is")
    }
    for key in Self.keys(try JSONSerialization.jsonObject(with: Data(JSONReport.render(doctor).utf8))) {
      #expect(page.contains("`\(key)`"), "docs/report-schema.md does not say what \(key) is")
    }
  }

  @Test func theExampleIsAReport() throws {
    let page = try Self.page("docs/report-schema.md")
    let example = try #require(page.split(separator: "```json\n").dropFirst().first?.split(separator: "```").first)
    #expect(try JSONReport.parse(String(example)) == ReportFixtures.leaky)
  }

  @Test func theSuppressionsExampleParses() throws {
    let page = try Self.page("docs/suppressions.md")
    let example = try #require(page.split(separator: "```\n").dropFirst().first)
    #expect(try Suppressions(parsing: String(example), path: "example").rules.count == 3)
  }

  /// Every page that users read.
  private static func pages() throws -> [String] {
    let root = TestProgram.packageRoot
    var pages = ["README.md", "README.zh.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    for folder in ["docs", "Examples/leaky-service", "Examples/ActivityService"] {
      let names = try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path)
      pages += names.filter { $0.hasSuffix(".md") }.map { "\(folder)/\($0)" }
    }
    return pages
  }

  /// Anchors of a page's headings, as GitHub makes them.
  private static func anchors(_ page: String) -> Set<String> {
    let prose = page.replacing(/```[\s\S]*?```/, with: "")
    return Set(
      prose.matches(of: /(?m)^#+ (.*)$/).map { heading in
        heading.1.lowercased().filter { $0.isLetter || $0.isNumber || "_- ".contains($0) }.replacing(" ", with: "-")
      })
  }

  /// Links between the pages lead somewhere: to a file, and to a heading in it.
  @Test func linksLeadSomewhere() throws {
    var linked: Set<String> = []
    for name in try Self.pages() {
      let page = try Self.page(name)
      let folder = TestProgram.packageRoot.appendingPathComponent(name).deletingLastPathComponent()
      for match in page.matches(of: /\]\(([^)#\s]*)(#([^)]*))?\)/) where !match.1.contains("://") {
        let target = match.1.isEmpty ? name : String(match.1)
        let file =
          match.1.isEmpty
          ? TestProgram.packageRoot.appendingPathComponent(name) : folder.appendingPathComponent(target)
        #expect(FileManager.default.fileExists(atPath: file.path), "\(name) links to \(target)")
        linked.insert(file.standardizedFileURL.path)
        guard let anchor = match.3, target.hasSuffix(".md") else { continue }
        let anchors = Self.anchors(try String(contentsOf: file, encoding: .utf8))
        #expect(anchors.contains(String(anchor)), "\(name) links to \(target)#\(anchor)")
      }
    }
    for name in try Self.pages() where name.hasPrefix("docs/") {
      let path = TestProgram.packageRoot.appendingPathComponent(name).standardizedFileURL.path
      #expect(linked.contains(path), "nothing leads to \(name)")
    }
  }

  /// `swift build -c release` builds the tests' programs too, and an optimized module lets nobody look inside: `@testable` is for test targets only.
  @Test func everythingBuildsWithOptimization() throws {
    let tests = TestProgram.packageRoot.appendingPathComponent("Tests")
    for folder in try FileManager.default.contentsOfDirectory(atPath: tests.path) where !folder.hasSuffix("Tests") {
      let path = tests.appendingPathComponent(folder).path
      // Packages have test targets of their own; the fuzz targets are there for scripts/fuzz only, which builds with testing enabled.
      for file in FileManager.default.subpaths(atPath: path) ?? []
      where file.hasSuffix(".swift") && !["Packages", "Fuzz"].contains(folder) {
        let text = try String(contentsOfFile: path + "/" + file, encoding: .utf8)
        #expect(!text.contains("@testable import"), "\(folder)/\(file)")
      }
    }
  }
}
