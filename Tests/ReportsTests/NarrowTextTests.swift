import Testing

@testable import Reports

/// A narrow terminal, and a cut list.
struct NarrowTextTests {
  /// A line is longer than the terminal only where one word of it is.
  @Test(arguments: [40, 60, 100]) func linesFit(width: Int) {
    for report in [ReportFixtures.leaky, ReportFixtures.healthy] {
      let text = TextReport(style: TextStyle(width: width), options: TextOptions(limit: 1)).render(report)
      #expect(report.leaks.groups.isEmpty || text.contains("and 2 more groups:"))
      for line in text.split(separator: "\n") where line.count > width {
        #expect(line.split(separator: " ").count == 1, "\(line.count): \(line)")
      }
    }
  }

  /// Beside three columns of numbers twelve characters are left of forty, which is no name any more.
  @Test func namesHaveALineOfTheirOwnWhereThereIsNoRoom() {
    var table = TextTable([("BYTES", .right), ("SHARE", .right), ("CHANGE", .right), ("WHAT", .left)])
    table.add(["16.1 MiB", "92.5 %", "+1.2 MiB", "data of program and libraries"])
    table.add(["1.3 MiB", "7.5 %", "0 B", "a name that is longer than the whole of a terminal of forty columns"])
    #expect(
      table.lines(TextStyle(width: 40)) == [
        "     BYTES   SHARE    CHANGE", "    WHAT", "  16.1 MiB  92.5 %  +1.2 MiB", "    data of program and libraries",
        "   1.3 MiB   7.5 %       0 B", "    a name that is longer t…orty columns",
      ])
    #expect(table.lines(TextStyle(width: 60)).allSatisfy { $0.count <= 60 })
    #expect(table.lines(TextStyle(width: 60)).count == 3)
    // Where all names are short, they stay where they are.
    var short = TextTable(table.columns)
    short.add(["16.1 MiB", "92.5 %", "+1.2 MiB", "the heap"])
    #expect(short.lines(TextStyle(width: 40)).last == "  16.1 MiB  92.5 %  +1.2 MiB  the heap")
  }
}
