import Reports
import Testing

struct JSONReportTests {
  @Test func refusesANewerSchema() throws {
    let text = try JSONReport.render(ReportFixtures.healthy).replacing(
      "\"schemaVersion\" : 1", with: "\"schemaVersion\" : 99")
    #expect(throws: ReportsError.newerSchema(found: 99)) { try JSONReport.parse(text) }
  }

  @Test(arguments: ["", "{}", "[1,2]", "{\"schemaVersion\": 1}", "{\"schemaVersion\": \"x\"}", "\u{0}"])
  func refusesWhatIsNoReport(text: String) {
    #expect(throws: ReportsError.self) { try JSONReport.parse(text) }
  }

  @Test func everyCutOfAReportIsRefusedWithoutATrap() throws {
    let text = try JSONReport.render(ReportFixtures.leaky)
    for length in stride(from: 0, to: text.count - 2, by: 37) {
      #expect(throws: ReportsError.self) { try JSONReport.parse(String(text.prefix(length))) }
    }
  }
}
