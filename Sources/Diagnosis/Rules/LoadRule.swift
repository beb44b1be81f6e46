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
