/// How fast something grew in the earlier and in the later part of what was seen: what fills to a bound slows down, what has none does not.
struct Pace: Sendable, Hashable {
  /// Units per hour.
  var early, late: Double
  /// Readings that it rests on.
  var readings: Int

  /// From readings at times in seconds, in order; nil for fewer than three, or where it did not grow at first.
  init?(_ readings: [(time: Double, value: Double)]) {
    guard let first = readings.first, let last = readings.last, readings.count >= 3, last.time > first.time else {
      return nil
    }
    // The reading nearest to the middle of the time parts it.
    let half = (first.time + last.time) / 2
    guard
      let middle = readings[1..<(readings.count - 1)].min(by: { abs($0.time - half) < abs($1.time - half) }),
      middle.time > first.time, middle.time < last.time
    else { return nil }
    early = (middle.value - first.value) / (middle.time - first.time) * 3600
    late = (last.value - middle.value) / (last.time - middle.time) * 3600
    self.readings = readings.count
    guard early > 0 else { return nil }
  }

  /// The later part is at most half as steep as the earlier one: a filling does that, and so does work that became less.
  var slows: Bool { late <= 0.5 * early }
  /// As steep as before, within a quarter.
  var isEven: Bool { late >= 0.8 * early }
}
