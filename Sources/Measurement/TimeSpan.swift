/// A length of time in nanoseconds: prints as `31 ms`, reads `250ms`, `1.5s`.
public struct TimeSpan: Hashable, Comparable, Sendable {
  public var nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
  public static func seconds(_ count: UInt64) -> TimeSpan { TimeSpan(nanoseconds: count &* 1_000_000_000) }

  /// Negative lengths become zero, what does not fit the longest one.
  public init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    guard seconds >= 0, attoseconds >= 0 else {
      self.init(nanoseconds: 0)
      return
    }
    let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = whole.addingReportingOverflow(UInt64(attoseconds) / 1_000_000_000)
    self.init(nanoseconds: overflow || carry ? .max : sum)
  }

  /// Reads a number with a unit: `ns`, `us` or `µs`, `ms`, `s`, `min` (or `m`), `h`, `d`.
  /// - Throws: `MeasurementError.notATimeSpan` for anything else and for more than 584 years.
  public init(parsing text: String) throws(MeasurementError) {
    guard let (number, unit) = Decimal.split(text), let scale = Self.scale(of: unit),
      let nanoseconds = Decimal.multiply(number, by: scale)
    else { throw .notATimeSpan(text) }
    self.init(nanoseconds: nanoseconds)
  }

  public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.nanoseconds < right.nanoseconds }

  private static func scale(of unit: Substring) -> UInt64? {
    switch unit {
    case "ns": 1
    // Two code points look alike: the micro sign and the Greek letter.
    case "us", "\u{b5}s", "\u{3bc}s": 1_000
    case "ms": 1_000_000
    case "s": 1_000_000_000
    case "min", "m": 60_000_000_000
    case "h": 3_600_000_000_000
    case "d": 86_400_000_000_000
    default: nil
    }
  }
}

extension TimeSpan: CustomStringConvertible {
  /// Two or three digits that matter: `850 ns`, `4.1 ms`, `31 ms`, `12.4 s`, `5 min 12 s`, `3 h 20 min`, `2 d 4 h`.
  public var description: String {
    if nanoseconds < 1_000 { return "\(nanoseconds) ns" }
    for (name, unit) in [("µs", UInt64(1_000)), ("ms", 1_000_000)] {
      let tenths = Decimal.scaled(nanoseconds, by: 10, over: unit)
      if tenths < 100 { return "\(Decimal.tenths(tenths)) \(name)" }
      let whole = Decimal.scaled(nanoseconds, by: 1, over: unit)
      if whole < 1000 { return "\(whole) \(name)" }
    }
    let tenths = Decimal.scaled(nanoseconds, by: 10, over: 1_000_000_000)
    if tenths < 1200 { return "\(Decimal.tenths(tenths)) s" }
    let seconds = Decimal.scaled(nanoseconds, by: 1, over: 1_000_000_000)
    let minutes = seconds / 60
    if minutes < 60 { return Self.pair(minutes, "min", seconds % 60, "s") }
    let hours = minutes / 60
    if hours < 48 { return Self.pair(hours, "h", minutes % 60, "min") }
    return Self.pair(hours / 24, "d", hours % 24, "h")
  }

  private static func pair(_ major: UInt64, _ majorUnit: String, _ minor: UInt64, _ minorUnit: String) -> String {
    let head = "\(Decimal.grouped(major)) \(majorUnit)"
    return minor == 0 ? head : "\(head) \(minor) \(minorUnit)"
  }
}
