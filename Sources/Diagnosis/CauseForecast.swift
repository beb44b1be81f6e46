import Timeline

/// When the limit is reached, by cause and by load. Seconds from now; nil where it is not reached.
public struct CauseForecast: Codable, Sendable, Hashable {
  /// One cause, and the limit without the others and without it.
  public struct Row: Codable, Sendable, Hashable {
    public var cause: Cause
    public var title: String
    /// If only this cause went on growing.
    public var alone: Double?
    /// If this cause were put right and everything else stayed as it is.
    public var without: Double?
  }

  /// Largest growth first.
  public var rows: [Row]
  /// Bytes that stay for each unit of the service's own count of work; nil where nothing is counted, or memory does not grow with it.
  public var bytesPerWork: Double?
  /// At this rate of work, per second, the limit is reached when the forecast says; at twice of it in half the time.
  public var workPerSecond: Double?
  /// Name of the count.
  public var work: String?

  /// Nil where the forecast sees no end.
  init?(_ forecast: Forecast?, findings: [Finding], _ evidence: Evidence) {
    guard let forecast, forecast.outcome == .reaches, let likely = forecast.likely, likely > 0 else { return nil }
    let distance = forecast.limit - forecast.level
    let speed = distance / likely
    guard speed > 0 else { return nil }
    let growing = findings.filter { ($0.growthPerHour ?? 0) > 0 }
    // Shares and not rates: what two snapshots and what the samples say of the speed differs a little.
    let whole = max(growing.reduce(0) { $0 + ($1.growthPerHour ?? 0) }, 1e-9)
    rows = growing.map { finding in
      let share = min((finding.share ?? (finding.growthPerHour ?? 0) / whole), 1)
      return Row(
        cause: finding.cause, title: finding.title, alone: Self.time(distance, speed * share),
        without: Self.time(distance, speed * (1 - share)))
    }
    guard let work = evidence.workDone, let hours = evidence.heapHours, work.amount > 0 else { return }
    self.work = work.name
    workPerSecond = work.amount / (hours * 3600)
    bytesPerWork = speed / (work.amount / (hours * 3600))
  }

  /// Later than this nobody can say.
  private static let horizon = 400.0 * 86_400

  private static func time(_ distance: Double, _ speed: Double) -> Double? {
    guard speed > 0 else { return nil }
    let time = distance / speed
    return time <= horizon ? time : nil
  }
}
