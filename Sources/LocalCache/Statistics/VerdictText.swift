/// The reasons of a verdict, a sentence each, for who reads it in a log.
struct VerdictText {
  let statistics: CacheStatistics
  let findings: VerdictModel.Findings
  let loadTime: Duration?

  func reasons(_ advice: CacheVerdict.Advice) -> [String] {
    if findings.fault == .isNotRead {
      return ["It was written \(times(statistics.writes)) and read \(times(statistics.requests))."]
    }
    guard advice != .tooEarly else { return tooEarly }
    var reasons = [traffic]
    if findings.joined >= 0.05 {
      reasons.append("\(percent(findings.joined)) waited for a load that another look-up had begun.")
    }
    if let economy { reasons.append(economy) }
    if statistics.writesBesideMisses >= 0.5 {
      let each = (Double(statistics.writes) / Double(max(statistics.requests, 1)) * 10).rounded() / 10
      reasons.append("It was written \(times(statistics.writes)), \(each) times for each look-up.")
    }
    return reasons + particular(advice)
  }

  private var tooEarly: [String] {
    if findings.fault == .loadsFail {
      let given = statistics.loads == 0 ? "none" : grouped(statistics.loads)
      return [
        traffic,
        "\(grouped(statistics.failedLoads)) loads failed and \(given) gave a value; ask again when they succeed.",
      ]
    }
    let seen = "\(grouped(statistics.requests)) look-up\(statistics.requests == 1 ? "" : "s") so far"
    guard findings.larger != nil else { return ["only \(seen); ask again later."] }
    return [traffic, "What a larger one would hit is not known yet; ask again later."]
  }

  /// Of all look-ups, and of the last if those were others.
  private var traffic: String {
    let all = "\(percent(statistics.hitRatio)) of \(grouped(statistics.requests)) look-ups hit"
    guard let recent = findings.recent, abs(recent.ratio - statistics.hitRatio) >= 0.01 else { return all + "." }
    return "\(all), \(percent(recent.ratio)) of the last \(grouped(UInt64(recent.requests)))."
  }

  private var economy: String? {
    guard let needed = findings.needed, let loadTime else { return nil }
    guard needed < 1 else { return "With loads of \(spoken(loadTime)) no hit ratio pays." }
    let from = needed < 0.001 ? "less than 0.1 %" : percent(needed)
    return "With loads of \(spoken(loadTime)) the cache pays from \(from) on."
  }

  private func particular(_ advice: CacheVerdict.Advice) -> [String] {
    switch advice {
    case .tooEarly: []
    case .keep: keep
    case .shrink: sizes(findings.smaller) + early
    case .enlarge:
      findings.fault == .refuses
        ? [
          "\(grouped(statistics.refused)) values were refused: they are larger than the limit of \(size(statistics.limit.amount)), or than what pinned entries leave."
        ] : sizes(findings.larger)
    case .shareAcrossProcesses: ["Eight processes with one cache would hit about \(percent(findings.pooled))."]
    case .shareValues: copies
    case .lengthenLifetime: [lifetimes]
    case .remove: [remove]
    }
  }

  private var keep: [String] {
    if let recent = findings.recent, recent.ratio < findings.threshold {
      return ["If the traffic stays as it was of late, the cache does not pay any more."]
    }
    var reasons = findings.isUnusual ? [] : sizes(findings.smaller)
    if statistics.evicted == 0, statistics.weight <= statistics.limit.amount / 2 {
      let limit = size(statistics.limit.amount)
      let used =
        statistics.limit.unit == .entries
        ? "holds \(grouped(UInt64(max(statistics.weight, 0))))" : "takes \(size(statistics.weight))"
      reasons.append("It \(used) of at most \(limit), and nothing had to go.")
    }
    return reasons + early + unknown
  }

  /// Where entries end before their keys are asked for again, by their lifetime or by the program, though the cache pays.
  private var early: [String] {
    let (expired, removed, evicted) = (statistics.expired, statistics.removed, statistics.evicted)
    guard max(expired, removed) > evicted, statistics.repeatRatio >= statistics.hitRatio + 0.1 else { return [] }
    return [removed > expired ? "\(removals): more memory would not help. \(withoutRemovals)" : lifetimes]
  }

  private var removals: String {
    let all = statistics.emptied > statistics.removed / 2 ? ", by removeAll" : ""
    return "\(grouped(statistics.removed)) entries were removed by the program\(all)"
  }

  private var withoutRemovals: String {
    "Without that, and with room for it, up to \(percent(statistics.repeatRatio)) would hit."
  }

  private var remove: String {
    switch findings.fault {
    case .holdsNothing: "With a limit of 0 it stores nothing."
    case .isNotFilled:
      "Hardly anything is stored: \(grouped(statistics.insertions)) values after \(grouped(statistics.misses)) misses."
    case .isEmptied:
      "\(removals), most of them before they were asked for again. \(withoutRemovals)"
    case .isNotRead, .refuses, .expires, .loadsFail: ""
    case nil: hopeless
    }
  }

  private var hopeless: String {
    guard statistics.repeatRatio >= findings.threshold else {
      return
        "No cache could hit more than \(percent(statistics.repeatRatio)): the other keys had never been asked for before."
    }
    guard findings.knowsSizes, let best = findings.best, statistics.evicted > 0 else { return "That is too little." }
    return "Four times the memory would hit \(percent(best))."
  }

  private var lifetimes: String {
    let evicted = statistics.evicted == 0 ? "none" : grouped(statistics.evicted)
    return
      "\(grouped(statistics.expired)) entries ended by their lifetime and \(evicted) had to make room: more memory would not help. With a longer lifetime, and room for it, up to \(percent(statistics.repeatRatio)) would hit."
  }

  private var copies: [String] {
    guard let copies = findings.copies else { return [] }
    let bytes = ByteSize(Int(Double(statistics.weight) * copies))
    let saved = statistics.limit.unit == .bytes ? ", up to \(bytes)" : ""
    return ["\(percent(copies)) of the values are copies of others: sharing equal ones saves as much\(saved)."]
  }

  private var unknown: [String] {
    guard findings.isObserved else { return ["Statistics are off: what other sizes would hit is not known."] }
    if findings.isUnusual { return ["The traffic of late is not what it was: no smaller size is advised for now."] }
    return findings.knowsSizes || statistics.evicted == 0 ? [] : ["What other sizes would hit is not known yet."]
  }

  private func sizes(_ point: (size: Int, hitRatio: Double)?) -> [String] {
    point.map { ["\(size($0.size)) would hit \(percent($0.hitRatio))."] } ?? []
  }

  // MARK: Figures

  private func percent(_ ratio: Double) -> String { "\((ratio * 1000).rounded() / 10) %" }

  private func times(_ count: UInt64) -> String { count == 1 ? "once" : "\(grouped(count)) times" }

  private func size(_ amount: Int) -> String {
    switch statistics.limit.unit {
    case .bytes: "\(ByteSize(amount))"
    case .entries: "\(grouped(UInt64(max(amount, 0)))) entries"
    case .weight: "weight \(grouped(UInt64(max(amount, 0))))"
    }
  }

  /// `1,234,567`.
  private func grouped(_ number: UInt64) -> String {
    var digits = Array(String(number))
    for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
    return String(digits)
  }

  /// Three digits at most, with the unit that suits: `14.8 µs`.
  private func spoken(_ time: Duration) -> String {
    let seconds = time.secondsAsDouble
    let units = [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)]
    guard let unit = units.first(where: { seconds < $0.1 * 999.5 }) else {
      return "\((seconds * 10).rounded() / 10) s"
    }
    let value = seconds / unit.1
    return value < 99.95 && unit.0 != "ns"
      ? "\((value * 10).rounded() / 10) \(unit.0)" : "\(Int(value.rounded())) \(unit.0)"
  }
}
