import Measurement
import Timeline

extension Weighing {
  /// The answer for somebody who reads nothing else.
  static func sentence(_ findings: [Finding], _ evidence: Evidence, _ forecast: Forecast?) -> String {
    let test = evidence.decisive
    guard let first = findings.first, !(evidence.hasEnded && isUndecided(first, test)) else {
      if evidence.hasEnded {
        return
          "Nothing can be said: the process ended before enough was seen. Record the next one with memwhy watch --name NAME."
      }
      return "Nothing can be said yet: too little was seen. Watch longer with --for 5min."
    }
    var text: String
    // What explains the level takes no leak back that was found beside it.
    let noLeak = leaked(evidence) > 0 ? "" : ", no leak"
    switch first.cause {
    case .steady:
      text = "Steady: \(first.title) over \(Say.span(test.span))" + hidden(findings, evidence)
      if !text.contains(", but ") { text += creeping(findings, evidence) }
      text += pressed(evidence, startsSentence: text.contains(", but "))
      text += leakBelow(findings, startsSentence: text.contains(", but "))
      text += besideTheProcess(findings, evidence, startsSentence: text.contains(", but "))
    case .unexplained where test.pattern == .undecided:
      text = undecided(evidence) + pressed(evidence) + leakBelow(findings)
    case .load:
      text = hedged("load\(noLeak): \(first.title)", first.confidence) + leakBelow(findings)
    case .warmUp:
      let what =
        first.growth.map { "\(first.title), \(Say.bytes($0)) more" }
        ?? "memory rose and has levelled off at \(Say.bytes(test.floor))"
      text = hedged("a warm-up\(noLeak): \(what)", first.confidence) + leakBelow(findings)
    case .leak, .lostTasks: text = leak(first, findings)
    case .manyArenas, .pinnedArena:
      let join = leaked(evidence) > 0 ? ", and" : ":"
      text =
        "\(leaks(evidence, findings))\(join) \(Say.bytes(first.holds)) is free memory that the allocator keeps (\(first.title))"
    case .duplicates, .capacity:
      text =
        "\(leaks(evidence, findings)), and memory does not grow: \(Say.bytes(first.holds)) of it \(first.cause == .duplicates ? "would go if copies were shared" : "is room that nothing uses") (\(first.title))"
        + pressed(evidence)
    default:
      text = "\(leaks(evidence, findings)), \(leaked(evidence) > 0 ? "and" : "but") \(hedge(first.confidence))growth"
      if let rate = first.growthPerHour, rate > 0 { text += " of \(Say.bytes(rate))/h" }
      if let share = first.share { text += ", \(Share(fraction: share)) of it" }
      text += " in \(place(first))"
      if let place = evidence.heapGrowth?.places.first(where: { $0.name == first.site }), evidence.slows(place) {
        text += ", slower and slower: it may be filling up"
      }
    }
    return text + ending(forecast, isUndecided: isUndecided(first, test)) + "."
  }

  /// `probably `, `possibly `; empty for what is certain.
  private static func hedge(_ confidence: Confidence) -> String {
    switch confidence {
    case .certain: ""
    case .likely: "probably "
    case .possible: "possibly "
    }
  }

  /// The beginning of a sentence that says how sure it is.
  private static func hedged(_ text: String, _ confidence: Confidence) -> String {
    let text = hedge(confidence) + text
    return text.prefix(1).uppercased() + text.dropFirst()
  }

  /// A leak that comes first; where another one has much, too, the sum of all with it.
  private static func leak(_ first: Finding, _ findings: [Finding]) -> String {
    let all = findings.filter { $0.cause == .leak || $0.cause == .lostTasks }
    let whole = all.reduce(UInt64(0)) { $0 &+ $1.holds }
    let isMost = Double(first.holds) >= mostOfLeaks * Double(whole)
    let bytes = isMost ? Say.bytes(first.holds) : "\(Say.bytes(whole)), \(Say.bytes(first.holds)) of it"
    var text = hedged("leak: \(bytes) in \(first.title)", first.confidence)
    let rate = isMost ? first.growthPerHour ?? 0 : all.reduce(0) { $0 + max($1.growthPerHour ?? 0, 0) }
    if rate > 0 { text += isMost ? ", growing by \(Say.bytes(rate))/h" : "; all of it grows by \(Say.bytes(rate))/h" }
    return text + besides(all, findings)
  }

  private static func isUndecided(_ finding: Finding, _ test: GrowthTest) -> Bool {
    finding.cause == .unexplained && test.pattern == .undecided
  }

  /// What was found, where it does not suffice for an answer.
  private static func undecided(_ evidence: Evidence) -> String {
    let test = evidence.decisive
    let (low, high) = (Say.bytes(test.firstFloor), Say.bytes(test.floor))
    guard test.epochs > 0, test.steps > 0 else {
      return "Undecided whether memory grows: too little was seen, \(low) -> \(high). Watch longer with --for 5min"
    }
    guard test.floor > test.firstFloor else {
      return "Undecided whether memory grows: its lowest levels went from \(low) to \(high) in \(Say.span(test.span))"
    }
    return
      "Undecided whether memory goes on growing: its lowest levels rose from \(low) to \(high) in \(Say.span(test.span)), up in \(test.risenSteps) of \(test.steps) steps, as growth does and a swing may; \(evidence.nextWatchInShort)"
  }

  /// At the limit of a control group that swaps, or slows down who allocates, a process gets more memory only slowly. So a level that stays says little.
  private static func pressed(_ evidence: Evidence, startsSentence: Bool = false) -> String {
    let life = evidence.lives.last ?? []
    guard evidence.limitIsOfGroup else { return "" }
    let join = startsSentence ? "; and" : ", but"
    if let hold = GroupMemory.throttling(life) {
      let waited =
        hold.waited.map { ": in \(Share(fraction: $0)) of the time some of its threads waited for memory" } ?? ""
      return
        "\(join) its control group is at its memory.high of \(Say.bytes(hold.high)), where the kernel slows down who allocates\(waited); "
        + "what is needed more shows late there, and raising memory.high makes it fast again"
    }
    guard let press = GroupMemory.pressure(life) else { return "" }
    let more = press.moreInSwap > 0 ? ", \(Say.bytes(press.moreInSwap)) more than at the first sample" : ""
    return
      "\(join) its control group is at its limit of \(Say.bytes(press.limit)) and swaps (\(Say.bytes(press.inSwap)) are in swap\(more)): there what is needed more shows late"
  }

  /// A leak that has this part of all that leaked is named alone.
  private static let mostOfLeaks = 0.9

  /// Growth that memory as a whole does not show, because another place shrank meanwhile: it will show when nothing is left to shrink.
  private static func hidden(_ findings: [Finding], _ evidence: Evidence) -> String {
    guard let found = findings.first(where: { $0.cause == .collection }), let growth = found.growth,
      let shrunk = evidence.heapGrowth?.shrunkPlaces.first, 2 * -shrunk.growth >= growth,
      Double(growth) >= Evidence.material(evidence.rss.floor)
    else { return "" }
    return
      ", but \(found.title) keeps \(Say.bytes(growth)) more while \(shrunk.name) keeps \(Say.bytes(-shrunk.growth)) less"
  }

  /// What grows faster than all leaks together, if a leak comes first: to mend the leak alone would not stop the growth.
  private static func besides(_ leaks: [Finding], _ findings: [Finding]) -> String {
    let leaking = leaks.reduce(Int64(0)) { $0 + max($1.growth ?? 0, 0) }
    guard
      let other = findings.filter({ $0.cause != .leak && $0.cause != .lostTasks && !$0.cause.isHealthy })
        .max(by: { ($0.growth ?? 0) < ($1.growth ?? 0) }),
      let growth = other.growth, growth > leaking, let share = other.share, let rate = other.growthPerHour
    else { return "" }
    return
      ", but \(Share(fraction: share)) of the growth, \(Say.bytes(rate))/h, is in \(place(other))"
  }

  /// A leak that the level does not show, because it is small beside everything else, or is older than the watch. It is exact, however slow or old it
  /// is.
  private static func leakBelow(_ findings: [Finding], startsSentence: Bool = false) -> String {
    let leaks = findings.filter { ($0.cause == .leak || $0.cause == .lostTasks) && $0.confidence > .possible }
    let join = startsSentence ? "; and" : ", but"
    if let leak = leaks.first(where: { $0.holds >= leastLeak && ($0.growth ?? 0) > 0 }), let rate = leak.growthPerHour {
      return "\(join) \(Say.bytes(leak.holds)) leaked in \(leak.title), growing by \(Say.bytes(rate))/h"
    }
    let whole = leaks.reduce(UInt64(0)) { $0 &+ $1.holds }
    let single = leaks.filter { !LeakRule.isRest($0) }
    guard whole >= leastLeak, let first = single.max(by: { $0.holds < $1.holds }) else { return "" }
    let isMost = Double(first.holds) >= mostOfLeaks * Double(whole)
    return
      "\(join) \(Say.bytes(whole)) leaked before, \(isMost ? "" : "\(Say.bytes(first.holds)) of it ")in \(first.title)"
  }

  /// What grows in the control group and not in the process: files in tmpfs and the kernel's memory count against the same limit.
  private static func besideTheProcess(_ findings: [Finding], _ evidence: Evidence, startsSentence: Bool) -> String {
    guard
      let found = findings.first(where: { $0.cause == .sharedMemory || $0.cause == .kernel }),
      let growth = found.growth, Double(growth) >= Evidence.material(evidence.rss.floor), let rate = found.growthPerHour
    else { return "" }
    return
      "\(startsSentence ? "; and" : ", but")\(found.confidence == .possible ? " possibly" : "") \(found.title) \(found.cause == .sharedMemory ? "grow" : "grows") by \(Say.bytes(rate))/h, which the control group counts as memory"
  }

  /// A rise that the test sees, but that is too small to count, at a place that is known: beside much memory that stays, slow growth shows late.
  private static func creeping(_ findings: [Finding], _ evidence: Evidence) -> String {
    let test = evidence.decisive
    guard test.pattern == .steady, test.rises, let found = findings.first(where: { $0.cause == .collection }),
      let growth = found.growth, Double(growth) >= test.rise / 2
    else { return "" }
    return
      ", but its lowest level rose by \(Say.bytes(test.rise)), and \(found.title) keeps \(Say.bytes(growth)) more: \(evidence.nextWatchInShort)"
  }

  /// Where it grows: `the collection cache.entries`, `native growth: malloc(512)`.
  private static func place(_ finding: Finding) -> String {
    if finding.cause == .collection { return "the collection \(finding.title)" }
    let kind = finding.cause.title.split(separator: ": ").last.map(String.init) ?? finding.cause.title
    return "\(kind): \(finding.title)"
  }

  /// Below this, what no pointer leads to is not worth a word in the first sentence.
  private static let leastLeak: UInt64 = 65_536

  /// Bytes that no pointer leads to, where they are worth a word; 0 else, and where leaks were not judged.
  private static func leaked(_ evidence: Evidence) -> UInt64 {
    guard let heap = evidence.heaps.last, heap.isExact, let leaks = heap.leaks else { return 0 }
    let bytes = leaks.reduce(0) { $0 &+ $1.bytes }
    return bytes < leastLeak ? 0 : bytes
  }

  /// "No leak" is said only where every block was looked at, and no cause below says otherwise.
  private static func leaks(_ evidence: Evidence, _ findings: [Finding]) -> String {
    guard let heap = evidence.heaps.last, heap.isExact, heap.leaks != nil else { return "Not judged for leaks" }
    let bytes = leaked(evidence)
    if bytes > 0 { return "\(Say.bytes(bytes)) leaked" }
    let little = findings.filter { $0.cause == .leak || $0.cause == .lostTasks }.reduce(UInt64(0)) { $0 &+ $1.holds }
    return little == 0 ? "No leak" : "Hardly any leak (\(Say.bytes(little)))"
  }

  private static func ending(_ forecast: Forecast?, isUndecided: Bool) -> String {
    guard let forecast, forecast.outcome == .reaches, let likely = forecast.likely, let earliest = forecast.earliest
    else { return "" }
    let late = forecast.latest.map { "and \(Say.span($0))" } ?? "and never"
    return
      "; \(isUndecided ? "if it goes on, " : "")the limit of \(Say.bytes(forecast.limit)) is reached in about \(Say.span(likely)) (between \(Say.span(earliest)) \(late))"
  }
}
