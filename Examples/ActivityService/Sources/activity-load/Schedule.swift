import Glibc

/// When each request of the day is due.
struct Schedule: Sendable {
  /// Requests due by the end of each step; a day has 1,440 of them.
  private let due: [Double]
  let seconds: Double
  let count: Int
  private static let steps = 1_440
  /// The hour at which the day begins.
  private static let firstHour = 4.0

  init(seconds: Double, peak: Double, isFlat: Bool) {
    self.seconds = seconds
    let step = seconds / Double(Self.steps)
    var sum = 0.0
    due = (0..<Self.steps).map { index in
      let hour = Self.firstHour + 24 * (Double(index) + 0.5) / Double(Self.steps)
      sum += step * peak * (isFlat ? 1 : Self.share(of: hour))
      return sum
    }
    count = Int(sum)
  }

  /// Traffic at an hour of the day as a part of the highest: two hills over a low plain.
  static func share(of hour: Double) -> Double {
    func hill(_ centre: Double, _ width: Double) -> Double {
      let distance = abs((hour - centre + 36).truncatingRemainder(dividingBy: 24) - 12)
      return exp(-distance * distance / (2 * width * width))
    }
    return min(1, 0.02 + 0.85 * hill(12.5, 2.2) + 0.98 * hill(19.5, 2.4))
  }

  /// Seconds after the start at which request `number` (from 0) is due. O(log steps).
  func time(of number: Int) -> Double {
    let wanted = Double(number) + 0.5
    var low = 0
    var high = due.count - 1
    while low < high {
      let middle = (low + high) / 2
      if due[middle] < wanted { low = middle + 1 } else { high = middle }
    }
    let before = low == 0 ? 0 : due[low - 1]
    let inside = due[low] > before ? (wanted - before) / (due[low] - before) : 0
    return (Double(low) + min(max(inside, 0), 1)) * seconds / Double(Self.steps)
  }
}
