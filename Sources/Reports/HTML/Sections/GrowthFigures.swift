import Diagnosis
import Measurement
import Timeline

/// The numbers that one asks for after the answer: how sure, how fast, how much, how long.
struct GrowthFigures {
  typealias Figure = (term: Markup, value: Markup, note: Markup)

  let growth: GrowthReport

  static func list(_ figures: [Figure]) -> Markup {
    """
    <dl class="figures">
    \(figures.map { "<div><dt>\($0.term)</dt><dd><span class=\"figure\">\($0.value)</span><span class=\"note\">\($0.note)</span></dd></div>\n" as Markup })</dl>
    """
  }

  var all: [Figure] {
    var figures: [Figure] = []
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
    return figures
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

extension GrowthReport {
  var isBad: Bool { cause == .leak || cause == .lostTasks }

  /// How bad, for the mark beside the answer.
  var tone: Markup { isBad ? "bad" : cause.isHealthy ? "good" : "caution" }
}
