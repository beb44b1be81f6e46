import Measurement
import Timeline

/// Puts findings in order and says the answer.
public enum Weighing {
  /// The verdict on some evidence.
  ///
  /// - Parameters:
  ///   - rules: those that are asked.
  ///   - events: what happened while it was watched.
  public static func verdict(
    _ evidence: Evidence, events: [TimelineEvent] = [], rules: [any Rule.Type] = Rules.all, remarks: [String] = []
  ) -> GrowthReport {
    var evidence = evidence
    evidence.hasEnded = hasEnded(events)
    let pattern = evidence.decisive.pattern
    let grows = pattern == .growing || (pattern == .undecided && evidence.rss.slope.slope > 0)
    var findings = rules.flatMap { $0.findings(evidence) }
    fit(&findings, evidence)
    let books = Books(evidence)
    let total = growth(books, evidence)
    if let rest = unexplained(findings, total: total, grows: grows, evidence) { findings.append(rest) }
    let whole = findings.reduce(Int64(0)) { $0 + max($1.growth ?? 0, 0) }
    // What comes from samples is of all lives together, as long as each was watched.
    let hours = evidence.heapHours ?? (evidence.rss.span > 0 ? evidence.rss.span : evidence.span) / 3600
    for index in findings.indices {
      guard let growth = findings[index].growth, growth > 0 else { continue }
      if whole > 0 { findings[index].share = Double(growth) / Double(max(whole, total)) }
      if hours > 0 { findings[index].growthPerHour = Double(growth) / hours }
    }
    findings.sort { weight($0, grows: grows, evidence) > weight($1, grows: grows, evidence) }
    putRestBehind(&findings)
    // What a growing process holds besides is no cause of the growth, and a steady one's patterns are one answer.
    if grows { findings.removeAll { $0.cause == .steady || $0.cause == .warmUp && $0.growth == nil } }
    let forecast = evidence.forecast
    let account = GrowthAccount(findings, evidence).rows
    return GrowthReport(
      sentence: sentence(findings, evidence, forecast),
      cause: findings.first?.cause ?? .unexplained,
      watchedSeconds: evidence.lives.reduce(0) { $0 + span($1) }, samples: evidence.lives.reduce(0) { $0 + $1.count },
      trend: trend(evidence), books: books.rows, resident: books.resident, booksAreClosed: books.isClosed,
      groupBooks: books.group, groupUsage: evidence.latest(.groupUsage).map(\.saturatedAmount), findings: findings,
      account: account.isEmpty ? nil : account, forecast: forecast,
      forecastByCause: CauseForecast(forecast, findings: findings, evidence), curves: Curves.make(evidence.lives),
      events: events,
      remarks: remarks + [isSure(findings) ? nil : evidence.caution, group(evidence, forecast)].compactMap { $0 })
  }

  /// What the control group says beside its limit, where that is near or was.
  private static func group(_ evidence: Evidence, _ forecast: Forecast?) -> String? {
    guard evidence.limitIsOfGroup, let sample = evidence.lives.last?.last(where: { $0[.groupLimit] != nil }) else {
      return nil
    }
    let group = GroupMemory(sample)
    guard forecast?.outcome == .reaches || group.isNoteworthy, !group.sentences.isEmpty else { return nil }
    return "Of the control group: \(group.sentences.joined(separator: "; "))."
  }

  /// The last life that was seen is over.
  private static func hasEnded(_ events: [TimelineEvent]) -> Bool {
    events.last { $0.kind == .started || $0.kind == .restarted || $0.kind == .ended }?.kind == .ended
  }

  /// The leaks that are told together come behind those that are told one by one.
  private static func putRestBehind(_ findings: inout [Finding]) {
    guard let index = findings.firstIndex(where: LeakRule.isRest) else { return }
    let rest = findings.remove(at: index)
    let last = findings.lastIndex { $0.cause == .leak || $0.cause == .lostTasks } ?? index - 1
    findings.insert(rest, at: last + 1)
  }

  /// Bytes that are to be placed: measured between the snapshots where these span the watch, else what the trend says as well.
  private static func growth(_ books: Books, _ evidence: Evidence) -> Int64 {
    // Headers of blocks come with the blocks, whose causes count without them.
    let headers = max(books.rows.first { $0.holder == ResidentBooks.Holder.allocatorOverhead.rawValue }?.growth ?? 0, 0)
    let measured = max((books.growth ?? 0) - headers, 0)
    let grows = evidence.rss.pattern == .growing
    guard books.growth != nil, let hours = evidence.heapHours else {
      return max(measured, grows ? evidence.rss.rise.saturated : 0)
    }
    if hours * 3600 >= 0.8 * evidence.span { return measured }
    // Two snapshots of a part of the watch answer for that part.
    return max(measured, grows ? (max(evidence.rss.slope.slope, 0) * hours * 3600).saturated : 0)
  }

  /// Puts what was seen in samples to the time between the snapshots, where these saw a part of it only: one account, one time.
  private static func fit(_ findings: inout [Finding], _ evidence: Evidence) {
    guard let hours = evidence.heapHours, evidence.rss.span > 0 else { return }
    let part = hours * 3600 / evidence.rss.span
    guard part < 0.8 else { return }
    for index in findings.indices where findings[index].isFromSamples {
      findings[index].growth = findings[index].growth.map { (Double($0) * part).saturated }
    }
  }

  /// What grows is known well enough for the caution to be none.
  private static func isSure(_ findings: [Finding]) -> Bool {
    findings.first.map { $0.confidence > .possible && ($0.growth ?? 0) > 0 } ?? false
  }

  private static func span(_ life: [Sample]) -> Double {
    guard let first = life.first, let last = life.last else { return 0 }
    return Double(last.time - first.time) / 1000
  }

  /// Growth that no rule took is said, not left out.
  private static func unexplained(_ findings: [Finding], total: Int64, grows: Bool, _ evidence: Evidence) -> Finding? {
    guard grows, total > 0 else { return nil }
    let placed = findings.reduce(Int64(0)) { $0 + max($1.growth ?? 0, 0) }
    let rest = total - placed
    guard Double(rest) >= max(Evidence.material(evidence.rss.floor), 0.1 * Double(total)) else { return nil }
    return Finding(
      .unexplained, title: "growth without a cause", confidence: .possible, growth: rest,
      evidence: [
        evidence.heapPair == nil
          ? "there are no two snapshots to compare"
          : "of \(Say.bytes(total)) the rules place \(Say.bytes(placed))"
      ], advice: [evidence.nextWatch],
      overturnedBy: "a longer watch places it")
  }

  /// Higher comes first. In bytes that a change would win: growth counts by how sure it is; in a process that does not grow, what is held.
  private static func weight(_ finding: Finding, grows: Bool, _ evidence: Evidence) -> Double {
    let sure: Double =
      switch finding.confidence {
      case .possible: 0.5
      case .likely: 0.9
      case .certain: 1
      }
    // Where nothing grows, what is only possible does not come before the answer that nothing does.
    if !grows, finding.confidence == .possible, !finding.cause.isHealthy { return 1 }
    let growth = Double(max(finding.growth ?? 0, 0))
    let level = max(evidence.rss.floor, 1)
    switch finding.cause {
    case .load: return grows ? -1 : 2 * level
    case .warmUp where grows: return growth * sure * 2
    // Where it levels off or stays, that is the answer, and what filled up meanwhile stands behind it.
    case .warmUp, .steady: return (finding.growth == nil ? 0.05 : 0.04) * level
    case .threads, .descriptors:
      // They run out by number before they do by bytes.
      let byNumber: Double = finding.growth == nil ? 0 : 0.1 * level
      return (growth + byNumber) * sure
    case .leak, .lostTasks:
      // A leak that grows comes before anything that is merely held.
      return growth * sure * 2 + Double(finding.holds) * sure
    case .unexplained: return growth * 0.4
    default:
      guard grows else { return standing(finding) * sure }
      return growth > 0 ? growth * sure * 2 : Double(finding.holds) * 1e-6
    }
  }

  /// What a finding counts in a process that does not grow: only retention and page cache are anybody's problem by being there.
  private static func standing(_ finding: Finding) -> Double {
    switch finding.cause {
    case .manyArenas, .pinnedArena, .duplicates, .capacity: Double(finding.holds)
    case .pageCache, .sharedMemory, .kernel, .mappings: Double(max(finding.growth ?? Int64(finding.holds / 4), 0))
    default: 0
    }
  }

  private static func trend(_ evidence: Evidence) -> GrowthReport.Trend {
    let test = evidence.decisive
    return GrowthReport.Trend(
      pattern: test.pattern, perHour: test.slope.slope * 3600, lowPerHour: test.slope.low * 3600,
      highPerHour: test.slope.high * 3600, probability: test.probability, epochs: test.epochs, lives: test.lives,
      periodSeconds: test.period,
      method: "Mann-Kendall test with Hamed and Rao's variance and signs of differences, "
        + "on the lowest level per epoch; slope by Theil and Sen"
        + (evidence.withoutLoad != nil ? ", without the part that follows \(evidence.loadName ?? "load")" : ""))
  }
}

extension Finding {
  /// Its growth is that of the samples, over all that was watched, and not of two snapshots.
  fileprivate var isFromSamples: Bool {
    switch cause {
    case .threads, .descriptors, .pageCache, .sharedMemory, .kernel, .load: true
    default: false
    }
  }
}
