import Reports
import Testing

/// A narrow terminal, and a cut list.
struct NarrowTextTests {
  /// A line is longer than the terminal only where one word of it is, or a row of a table that keeps twelve characters of a name.
  @Test(arguments: [40, 60, 100]) func linesFit(width: Int) {
    for report in [ReportFixtures.leaky, ReportFixtures.healthy] {
      let text = TextReport(style: TextStyle(width: width), options: TextOptions(limit: 1)).render(report)
      #expect(report.leaks.groups.isEmpty || text.contains("and 2 more groups:"))
      for line in text.split(separator: "\n") where line.count > width && !line.contains("…") {
        #expect(line.split(separator: " ").count == 1, "\(line.count): \(line)")
      }
    }
  }
}
