import Measurement

/// The report for a person at three in the morning: the answer, the evidence, what to do next.
public struct TextReport: Sendable {
  public var style: TextStyle
  public var options: TextOptions

  public init(style: TextStyle = TextStyle(), options: TextOptions = TextOptions()) {
    self.style = style
    self.options = options
  }

  /// The report as lines of text, ended by a line feed.
  public func render(_ report: ReportModel) -> String {
    var lines = report.growth.map { GrowthText(style: style, options: options).answer($0) } ?? answer(report)
    if !options.quiet {
      if let growth = report.growth {
        lines += GrowthText(style: style, options: options).lines(growth)
        lines += ["", style.paint("NOW", .heading)] + answer(report)
      }
      lines += [""] + TargetText(style: style).lines(report)
      if report.verb != "heap" {
        lines += LeakText(style: style, options: options).lines(report.leaks)
      }
      if report.verb != "leaks" || !report.leaks.isJudged {
        lines += CensusText(style: style, options: options).lines(report)
      }
      lines += LocalCacheText(style: style, limit: options.limit, showsAddresses: options.showAddresses).lines(
        report.localCaches ?? [])
      lines += section("WHAT TO DO NEXT", numbered(report.nextSteps))
      if options.verbose { lines += VerboseText(style: style).lines(report) }
      lines += section(
        "REMARKS", report.remarks.flatMap { style.wrap(TextStyle.printable($0), first: "  - ", rest: "    ") })
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func answer(_ report: ReportModel) -> [String] {
    let role: TextStyle.Role =
      switch report.verdict.answer {
      case .leak: .bad
      case .noLeak: .good
      case .notJudged: report.verb == "heap" ? .heading : .warning
      }
    return style.wrap(TextStyle.printable(report.verdict.sentence)).map { style.paint($0, role) }
  }

  private func numbered(_ steps: [String]) -> [String] {
    steps.enumerated().flatMap { index, step in
      style.wrap(TextStyle.printable(step), first: "  \(index + 1). ", rest: "     ")
    }
  }

  private func section(_ title: String, _ lines: [String]) -> [String] {
    lines.isEmpty ? [] : ["", style.paint(title, .heading)] + lines
  }
}
