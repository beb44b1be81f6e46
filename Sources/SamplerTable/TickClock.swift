/// Converts the processor's ticks, in which the table counts time.
public struct TickClock: Sendable, Hashable {
  /// Readings at the start, and the newest ones; nanoseconds are those of CLOCK_MONOTONIC.
  public var startTicks, startNanoseconds, lastTicks, lastNanoseconds: UInt64

  /// Ticks per nanosecond; nil where the two readings lie too close together to tell.
  public var rate: Double? {
    guard lastTicks > startTicks, lastNanoseconds > startNanoseconds, lastNanoseconds - startNanoseconds > 20_000 else {
      return nil
    }
    let rate = Double(lastTicks - startTicks) / Double(lastNanoseconds - startNanoseconds)
    return rate > 1e-3 && rate < 1e3 ? rate : nil
  }

  /// Nanoseconds that `ticks` took.
  public func nanoseconds(_ ticks: Double) -> Double? { rate.map { ticks / $0 } }

  /// The reading of the tick counter at a time of CLOCK_MONOTONIC.
  public func ticks(at nanoseconds: UInt64) -> UInt64? {
    guard let rate else { return nil }
    let value = Double(startTicks) + (Double(nanoseconds) - Double(startNanoseconds)) * rate
    return value > 0 && value < 0x1p63 ? UInt64(value) : nil
  }

  /// Nanoseconds of CLOCK_MONOTONIC.
  public func time(of ticks: UInt64) -> Double? {
    guard let rate else { return nil }
    return Double(startNanoseconds) + (Double(ticks) - Double(startTicks)) / rate
  }

  /// Upper bounds of the age classes, in ticks; the last class has none.
  static let ageBounds: [Double] = [0x1p21, 0x1p25, 0x1p28, 0x1p32, 0x1p36]
}
