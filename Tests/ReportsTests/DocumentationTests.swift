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

  @Test func everyKeyIsDocumented() throws {
    let page = try Self.page("docs/report-schema.md")
    let prose = String(page.split(separator: "### Example").first ?? "")
    let doctor = DoctorReport(
      tool: ReportFixtures.tool, pid: 1, name: "a", checks: [.init("kernel", .ok, "detail", advice: "advice")])
    for text in [
      try JSONReport.render(ReportFixtures.leaky), try JSONReport.render(ReportFixtures.running),
      try JSONReport.render(ReportFixtures.healthy), try JSONReport.render(PageFixtures.growing),
    ] {
      for key in Self.keys(try JSONSerialization.jsonObject(with: Data(text.utf8))) {
        #expect(prose.contains("`\(key)`"), "docs/report-schema.md does not say what \(key) is")
      }
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

  /// Links between the pages lead somewhere.
  @Test(arguments: [
    "README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/freeze.md", "docs/how-leaks-are-decided.md",
    "docs/history.md", "docs/holders.md", "docs/html-report.md", "docs/how-it-decides.md", "docs/performance.md",
    "docs/report-schema.md",
    "docs/snapshots.md",
    "docs/suppressions.md",
    "Examples/leaky-service/README.md",
  ])
  func linksLeadSomewhere(name: String) throws {
    let page = try Self.page(name)
    let folder = TestProgram.packageRoot.appendingPathComponent(name).deletingLastPathComponent()
    for match in page.matches(of: /\]\(([^)#\s]+)(#[^)]*)?\)/) {
      let target = String(match.1)
      if target.contains("://") { continue }
      #expect(
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(target).path), "\(name) links to \(target)"
      )
    }
  }
}
