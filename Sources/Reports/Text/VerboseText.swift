import Measurement

/// What `-v` adds: every self-check, the arenas, the freeze's notes, what each phase took, rules that matched nothing.
struct VerboseText {
  var style: TextStyle

  func lines(_ report: ReportModel) -> [String] {
    section("SELF-CHECKS", report.heap.checks.isEmpty ? [] : checks(report.heap.checks))
      + section("ARENAS", report.heap.arenas.isEmpty ? [] : arenas(report.heap.arenas))
      + section("FREEZE", (report.freeze?.notes ?? []).flatMap { bullet($0) })
      + section("UNUSED SUPPRESSIONS", report.leaks.suppressed.unusedRules.flatMap { bullet($0) })
      + section(
        "TIME",
        report.phases.map { "  \($0.name): \(TimeSpan(nanoseconds: $0.nanoseconds))" })
  }

  private func bullet(_ text: String) -> [String] {
    style.wrap(TextStyle.printable(text), first: "  - ", rest: "    ")
  }

  private func checks(_ checks: [ReportModel.Check]) -> [String] {
    var table = TextTable([("", .left), ("EXPECTED", .right), ("FOUND", .right), ("CHECK", .left)])
    for check in checks {
      table.add([
        check.passed ? "ok" : "FAIL", Count(check.expected).description, Count(check.found).description, check.name,
      ])
    }
    return table.lines(style)
  }

  private func arenas(_ arenas: [ReportModel.Arena]) -> [String] {
    var table = TextTable([
      ("SYSTEM", .right), ("LIVE", .right), ("BLOCKS", .right), ("FREE", .right), ("TOP", .right), ("ARENA", .left),
    ])
    for arena in arenas {
      table.add([
        ByteCount(arena.systemBytes).description, ByteCount(arena.liveBytes).description,
        Count(arena.liveBlocks).description, ByteCount(arena.freeBytes).description,
        ByteCount(arena.topBytes).description,
        (arena.isMain ? "main" : arena.address) + (arena.isLocked ? " (a thread was inside its lock)" : ""),
      ])
    }
    return table.lines(style)
  }

  private func section(_ title: String, _ lines: [String]) -> [String] {
    lines.isEmpty ? [] : ["", style.paint(title, .heading)] + lines
  }
}
