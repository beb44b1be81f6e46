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
    if let growth = report.growth, growth.isBad || report.verdict.answer != .leak { return growth.tone }
    return switch report.verdict.answer {
    case .leak: report.growth == nil ? "bad" : "caution"
    case .noLeak: "good"
    case .notJudged: report.verb == "heap" ? "plain" : "caution"
    }
  }

  private var subject: Markup {
    var parts: [Markup] = [
      "<strong>\(Markup.name(report.target.name.isEmpty ? "unnamed process" : report.target.name, limit: 64))</strong>"
    ]
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
    var figures: [GrowthFigures.Figure] = []
    if let growth = report.growth {
      figures += GrowthFigures(growth: growth).all
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
          leaks.blocks == 0
            ? "a pointer leads to every block"
            : "\(Count(leaks.blocks).of("block")), \(Count(leaks.groups.count).of("cause"))"
        ))
    } else if report.verb != "heap" {
      figures.append((Glossary.leak.term("Leaked"), "not judged", "\(report.leaks.reason ?? "the heap is not exact")"))
    }
    return GrowthFigures.list(figures)
  }
}
