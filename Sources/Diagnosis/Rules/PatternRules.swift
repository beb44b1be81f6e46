import Measurement
import Timeline

/// Memory that comes with work and goes with it.
struct LoadRule: Rule {
  static func findings(_ evidence: Evidence) -> [Finding] {
    guard let model = evidence.loadModel, let without = evidence.withoutLoad, let name = evidence.loadName,
      model.correlation > 0.6, model.weight > 0, without.pattern != .growing
    else { return [] }
    let part = model.weight * (model.high - model.low)
    guard part >= Evidence.material(evidence.rss.floor) else { return [] }
    return [
      Finding(
        .load, title: "memory follows \(name)", confidence: model.isConfounded ? .possible : .likely,
        growth: evidence.rss.pattern == .growing ? evidence.rss.rise.saturated : nil, holds: part.saturatedAmount,
        evidence: [
          "memory and \(name) rise and fall together (Spearman's rank correlation \(model.correlation.hundredths))",
          "between the lowest and the highest \(name) seen lie \(Say.bytes(part)); without that part nothing grows",
        ] + (model.isConfounded ? ["\(name) rose all the time, so growth cannot be told from load yet"] : []),
        advice: ["nothing, if the limit is above the peak; else bound what is worked on at once"],
        overturnedBy: "memory stays high after \(name) has fallen")
    ]
  }
}

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
        ], advice: ["nothing; watch it for some times as long as the warm-up took"],
        overturnedBy: "it rises again under the same load")
    ]
  }
}

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
