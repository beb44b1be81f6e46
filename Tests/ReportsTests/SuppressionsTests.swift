import Reports
import Testing

struct SuppressionsTests {
  private static let leaks = ReportFixtures.leaky.leaks

  private func apply(_ text: String) throws -> ReportModel.Leaks {
    try Suppressions(parsing: text, path: "f").apply(to: Self.leaks)
  }

  @Test(arguments: [
    "Session.onClose", "Session", "*.onClose", "Sess*", ReportFixtures.cycle.fingerprint, "closure context",
  ])
  func takesAGroupAway(pattern: String) throws {
    let rest = try apply("# on purpose\nleak:\(pattern)\n")
    #expect(rest.groups.map(\.type) == [ReportFixtures.lostTask.type, ReportFixtures.native.type])
    #expect(rest.suppressed.groups == 1)
    #expect(rest.suppressed.blocks == 4_000)
    #expect(rest.suppressed.unusedRules.isEmpty)
    #expect(rest.blocks == 703)
  }

  @Test(arguments: ["Sessio", "onClose", "session", "Session.onClos", "__StringStorage"])
  func matchesAsAWholeAndNotByWhatHangsOnIt(pattern: String) throws {
    let rest = try apply("# why\nleak:\(pattern)")
    #expect(rest.groups.count == 3)
    #expect(rest.suppressed.unusedRules == ["f:2: leak:\(pattern)"])
  }

  /// A wrong file, a database say: its bytes do not go to the terminal.
  @Test func aBadLineIsShownInPrintAndCut() {
    let text = "\u{1b}]0;title\u{7}" + String(repeating: "x", count: 5_000)
    do {
      _ = try Suppressions(parsing: text, path: "f")
      Issue.record("accepted")
    } catch { #expect("\(error)".count < 250 && !"\(error)".contains("\u{1b}"), "\(error)") }
  }

  @Test func rulesMayShareAComment() throws {
    let rest = try apply("# both are known\nleak:Session\nleak:Inventory.fetch*\n\n# c\nleak:72 bytes*\r\n")
    #expect(rest.groups.isEmpty)
    #expect(rest.suppressed.groups == 3)
  }

  @Test(arguments: [
    ("leak:Session", 1), ("# why\n\nleak:Session", 3), ("#\nleak:Session", 2), ("# why\nleak:", 2),
    ("# why\nleak:**", 2),
    ("# why\nrace:Session", 2), ("# why\nSession", 2), ("# a\nleak:A\n#\nleak:B", 4),
  ])
  func refuses(text: String, line: Int) {
    #expect {
      try Suppressions(parsing: text, path: "f")
    } throws: { error in
      "\(error)".hasPrefix("f:\(line): ")
    }
  }

  @Test func emptyFilesAreFine() throws {
    #expect(try apply("") == Self.leaks)
    #expect(try apply("# only words\n\n") == Self.leaks)
  }

  /// A pattern of many stars over a long name: with exponential matching this test would never end.
  @Test func manyStars() throws {
    let pattern = String(repeating: "a*", count: 40) + "b"
    var group = ReportFixtures.cycle
    group.type = String(repeating: "a", count: 20_000)
    let leaks = ReportModel.Leaks(groups: [group])
    let rest = try Suppressions(parsing: "# x\nleak:\(pattern)", path: "f").apply(to: leaks)
    #expect(rest.groups.count == 1)
  }
}
