import Measurement
import Timeline

/// Nothing grows.
struct SteadyRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    let test = evidence.decisive
    guard test.pattern == .steady || test.pattern == .falling, test.epochs > 0 else { return [] }
    let material = Evidence.material(evidence.rss.floor)
    let seemsToRise = test.probability < GrowthTest.significance && test.rise > 0
    var lines = [
      test.rises
        ? "the lowest level per epoch rises by \(Say.bytes(test.rise)) in \(Say.span(test.span)): less than 1 % or 1 MiB is no growth"
        : seemsToRise
          ? "the lowest level per epoch differs by \(Say.bytes(test.rise)) in \(Say.span(test.span)): less than by what it may, since its lowest instants lie between two samples, \(Say.bytes(test.blur))"
          : "the lowest level per epoch does not rise: \(test.epochs) epochs in \(Say.span(test.span)), \(Say.probability(test.probability))"
    ]
    if test.span > 0 {
      lines.append(
        "growth slower than \(Say.rate(max(material, test.blur), hours: test.span / 3600)) does not show in so short a watch (--for)"
      )
    }
    if let period = test.period {
      lines.append("it has a rhythm of about \(Say.span(period)), \(Say.bytes(test.swing)) high")
    }
    return [
      Finding(
        .steady, title: test.pattern == .falling ? "memory falls" : "memory does not grow",
        confidence: test.span >= 600 ? .certain : .likely, holds: test.floor.saturatedAmount, evidence: lines,
        advice: [],
        overturnedBy: "a longer watch shows the lowest level rising")
    ]
  }
}
