import Measurement
import Timeline

/// Too little was seen for an answer, or what was seen may be growth and may be a swing: said with what was found.
struct UndecidedRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    let test = evidence.decisive
    guard test.pattern == .undecided, let life = evidence.lives.last, life.count >= 2 else { return [] }
    let rose = test.floor - test.firstFloor
    var lines = [
      "\(Say.count(life.count)) samples in \(Say.span(evidence.span)); the lowest level per epoch was \(Say.bytes(test.firstFloor)) first and is \(Say.bytes(test.floor)) now"
    ]
    if test.steps > 0, rose > 0 {
      lines.append(
        "it rose in \(test.risenSteps) of \(test.steps) steps between epochs; what wanders without growing does so, too, \(Say.probability(test.probability))"
      )
    }
    if let period = test.period {
      lines.append("it has a rhythm of about \(Say.span(period)), which was seen less than four times")
    }
    return [
      Finding(
        .unexplained,
        title: rose > 0 ? "memory rose, and whether it grows is undecided" : "whether memory grows is undecided",
        confidence: .possible, holds: test.floor.saturatedAmount, evidence: lines,
        advice: [evidence.nextWatch],
        overturnedBy: "a longer watch decides it")
    ]
  }
}
