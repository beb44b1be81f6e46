import Measurement
import Timeline

/// It rose and then stayed.
struct WarmUpRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard evidence.decisive.pattern == .levelledOff else { return [] }
    let test = evidence.decisive
    return [
      Finding(
        .warmUp, title: "rose and stays", confidence: evidence.span >= 600 ? .likely : .possible,
        holds: test.floor.saturatedAmount,
        evidence: [
          "the later half of \(Say.span(evidence.span)) rises by less than a fifth of the earlier half's rate",
          "the lowest level per epoch is \(Say.bytes(test.floor)) now",
        ], advice: ["nothing; watch for several times as long as the warm-up took"],
        overturnedBy: "it rises again under the same load")
    ]
  }
}
