import Reports
import TestSupport
import Testing

struct GoldenTests {
  /// The golden's name is the command line: fixture, verb, flags.
  @Test(arguments: [
    "leaky.diagnose", "leaky.diagnose.-v", "leaky.diagnose.-q", "leaky.diagnose.--limit 1", "leaky.diagnose.COLUMNS=60",
    "leaky.diagnose.--color always", "leaky.heap", "leaky.leaks.--show-addresses", "healthy.diagnose",
    "running.diagnose",
    "running.leaks", "torn.leaks",
  ])
  func text(name: String) throws {
    let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
    let flags = parts.count > 2 ? parts[2] : ""
    let report = ReportFixtures.verb(parts[1], of: ReportFixtures.named(parts[0]))
    let renderer = TextReport(
      style: TextStyle(width: flags == "COLUMNS=60" ? 60 : 100, color: flags == "--color always"),
      options: TextOptions(
        limit: flags == "--limit 1" ? 1 : 20, verbose: flags == "-v", quiet: flags == "-q",
        showAddresses: flags == "--show-addresses"))
    let difference = try Golden.difference(name, renderer.render(report))
    #expect(difference == nil)
  }

  @Test func json() throws {
    let difference = try Golden.difference("leaky.diagnose.--json", JSONReport.render(ReportFixtures.leaky))
    #expect(difference == nil)
  }

  @Test(arguments: ["leaky", "healthy", "running", "torn"])
  func jsonReadsBack(name: String) throws {
    let report = ReportFixtures.named(name)
    #expect(try JSONReport.parse(JSONReport.render(report)) == report)
  }

  /// Escape sequences in names of the target must not reach the terminal, and no line may be wider than asked for.
  @Test(arguments: [40, 60, 100, 200])
  func linesFitAndHoldNoControlCharacters(width: Int) throws {
    for report in [ReportFixtures.leaky, ReportFixtures.running, ReportFixtures.torn] {
      let renderer = TextReport(style: TextStyle(width: width), options: .init(verbose: true, showAddresses: true))
      for line in renderer.render(report).split(separator: "\n") {
        #expect(!line.unicodeScalars.contains { $0.value < 32 || $0.value == 127 })
        // Below 60 columns numbers are not cut, so a table may be wider.
        if width >= 60 { #expect(line.count <= width + 12, "\(line)") }
      }
    }
  }
}
