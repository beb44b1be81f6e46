import Diagnosis
import Measurement
import Timeline

/// The top of the page: whose memory, the answer in a sentence, and the four or five numbers that one asks for next.
struct VerdictSection {
  let report: ReportModel

  var markup: Markup {
    """
    <header class="verdict \(tone)">
    <p class="subject">\(subject)</p>
    <h1>\(Markup.prose(report.growth?.sentence ?? report.verdict.sentence, limit: 600))</h1>
    \(second)\(figures)
    </header>
    """
  }

  /// How bad, for the mark beside the answer; the answer itself says it in words.
  private var tone: Markup {
    if let growth = report.growth {
      if growth.cause == .leak || growth.cause == .lostTasks { return "bad" }
      return growth.cause.isHealthy && report.verdict.answer != .leak ? "good" : "caution"
    }
    return switch report.verdict.answer {
    case .leak: "bad"
    case .noLeak: "good"
    case .notJudged: report.verb == "heap" ? "plain" : "caution"
    }
  }

  private var subject: Markup {
    var parts: [Markup] = ["<strong>\(Markup.name(report.target.name.isEmpty ? "unnamed process" : report.target.name, limit: 64))</strong>"]
    if let pid = report.target.pid { parts.append("pid \(pid)") }
    if let path = report.target.corePath { parts.append("core file \(Markup.name(path, limit: 120))") }
    if report.target.threads > 0 { parts.append("\(Count(report.target.threads).of("thread"))") }
    if let time = report.time ?? report.growth?.curves.times.last { parts.append("\(Words.moment(time))") }
    if let growth = report.growth { parts.append("watched for \(TimeSpan(seconds: growth.watchedSeconds))") }
    return Markup(parts, separator: "<span class=\"dot\" aria-hidden=\"true\"> · </span>")
  }

  /// What the snapshot alone says, below what watching says.
  private var second: Markup {
    report.growth == nil ? "" : "<p class=\"now\">\(Markup.prose(report.verdict.sentence, limit: 600))</p>\n"
  }

  private var figures: Markup {
    var figures: [(term: Markup, value: Markup, note: Markup)] = []
    if let growth = report.growth {
      if let finding = growth.findings.first {
        figures.append(
          (Glossary.confidence.term(), Words.confidence(finding.confidence.rawValue), "of the first cause"))
      }
      if growth.trend.pattern == .growing || growth.trend.pattern == .undecided {
        figures.append(
          (
            Glossary.growthRate.term(), "\(Words.perHour(growth.trend.perHour))",
            "90 %: \(Words.perHour(growth.trend.lowPerHour)) to \(Words.perHour(growth.trend.highPerHour))"
          ))
      } else {
        figures.append((Glossary.growthRate.term("Growth"), "none", "memory \(Words.pattern(growth.trend.pattern))"))
      }
      if let resident = growth.resident {
        figures.append((Glossary.resident.term(), "\(ByteCount(resident))", closed(growth)))
      }
      if let forecast = growth.forecast { figures.append(self.forecast(forecast)) }
    } else {
      figures.append(
        (
          Glossary.liveBlock.term("Live blocks"), "\(ByteCount(report.heap.bytes))",
          "\(Count(report.heap.blocks).of("block")), \(Share(report.heap.typedBlocks, of: report.heap.blocks)) typed"
        ))
    }
    if report.leaks.isJudged {
      let leaks = report.leaks
      figures.append(
        (
          Glossary.leak.term("Leaked"), "\(ByteCount(leaks.bytes))",
          leaks.blocks == 0 ? "a pointer leads to every block" : "\(Count(leaks.blocks).of("block")), \(Count(leaks.groups.count).of("cause"))"
        ))
    } else if report.verb != "heap" {
      figures.append((Glossary.leak.term("Leaked"), "not judged", "\(report.leaks.reason ?? "the heap is not exact")"))
    }
    return """
      <dl class="figures">
      \(figures.map { "<div><dt>\($0.term)</dt><dd><span class=\"figure\">\($0.value)</span><span class=\"note\">\($0.note)</span></dd></div>\n" as Markup })</dl>
      """
  }

  private func closed(_ growth: GrowthReport) -> Markup {
    switch growth.booksAreClosed {
    case true?: "every MiB is put to a holder"
    case false?: "the books do not close"
    case nil: "at the last snapshot"
    }
  }

  private func forecast(_ forecast: Forecast) -> (term: Markup, value: Markup, note: Markup) {
    let limit = ByteCount(saturating: forecast.limit)
    switch forecast.outcome {
    case .reached: return (Glossary.forecast.term("Limit"), "reached", "\(limit)")
    case .never: return (Glossary.forecast.term("Limit"), "never", "at this rate; \(limit)")
    case .reaches:
      let early = TimeSpan(seconds: forecast.earliest ?? 0)
      let late: Markup = forecast.latest.map { "\(TimeSpan(seconds: $0))" } ?? "never"
      return (
        Glossary.forecast.term("Limit in"), "\(TimeSpan(seconds: forecast.likely ?? 0))",
        "\(early) to \(late) (90 %); \(limit)"
      )
    }
  }
}
